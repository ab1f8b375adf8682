"""Positions as PostgreSQL has them to the contract's columns."""

from datetime import date

from pyspark.sql import DataFrame, functions as F

from lakehouse.contracts.render.spark import data_type
from lakehouse.contracts.tables.silver import POSITIONS


def as_of(held: DataFrame, business_date: date) -> DataFrame:
    """The positions in `held` as the holdings at the close of `business_date`."""
    dated = held.withColumn("business_date", F.lit(business_date))
    return dated.select(*(F.col(column.name).cast(data_type(column)) for column in POSITIONS.columns))
