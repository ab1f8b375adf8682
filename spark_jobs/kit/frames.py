"""Arrow tables as Spark frames."""

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema


def from_arrow(session: SparkSession, rows: pa.Table) -> DataFrame:
    """`rows` as a frame with its own columns and types, without a row too: Spark would refuse to guess these."""
    return session.createDataFrame(rows, schema=from_arrow_schema(rows.schema, prefer_timestamp_ntz=False))
