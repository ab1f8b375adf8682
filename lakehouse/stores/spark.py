"""Spark through the one warm Connect server that makes every Spark commit (ADR 0002)."""

from pyspark.sql import SparkSession
from pyspark.sql.types import StructType

from lakehouse.contracts.model import Table
from lakehouse.contracts.render import spark as render
from lakehouse.settings import S3Settings, SparkSettings


def connect(section: SparkSettings) -> SparkSession:
    """A new session of its own on the Connect server; stop() it when done."""
    session = SparkSession.builder.remote(section.remote).create()
    session.conf.set("spark.sql.shuffle.partitions", str(section.shuffle_partitions))
    session.conf.set("spark.sql.session.timeZone", "UTC")
    if not section.codegen:
        session.conf.set("spark.sql.codegen.wholeStage", "false")
        session.conf.set("spark.sql.codegen.factoryMode", "NO_CODEGEN")
    return session


def schema(table: Table) -> StructType:
    """The table's StructType."""
    return StructType.fromJson(render.struct(table))


def uri(section: S3Settings, table: Table) -> str:
    """The table's address for Spark."""
    return f"s3a://{section.lake_bucket}/{table.layer}/{table.short_name}"
