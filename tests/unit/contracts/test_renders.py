"""The renderings of a contract agree: the same columns, in the same order, of types that mean the same."""

import json
import re

import pyarrow as pa
import pytest

from lakehouse.contracts.model import Column, Store, Table, Type
from lakehouse.contracts.render import arrow, clickhouse, json_schema, postgres, spark
from lakehouse.contracts.tables import TABLES
from lakehouse.contracts.topics import TOPICS

# What each Arrow type must be elsewhere, written down a second time on purpose.
SPARK_OF_ARROW = {
    "string": "string",
    "int32": "integer",
    "int64": "long",
    "double": "double",
    "bool": "boolean",
    "date32[day]": "date",
    "timestamp[us, tz=UTC]": "timestamp",
    "binary": "binary",
}
CLICKHOUSE_OF_ARROW = {
    "string": {"String", "UUID"},
    "int32": {"Int32"},
    "int64": {"Int64"},
    "double": {"Float64"},
    "bool": {"Bool"},
    "date32[day]": {"Date32"},
    "timestamp[us, tz=UTC]": {"DateTime64(6, 'UTC')"},
    "binary": {"String"},
}
POSTGRES_OF_ARROW = {
    "string": {"text", "uuid", "jsonb"},
    "int32": {"integer"},
    "int64": {"bigint"},
    "double": {"double precision"},
    "bool": {"boolean"},
    "date32[day]": {"date"},
    "timestamp[us, tz=UTC]": {"timestamp with time zone"},
    "binary": {"bytea"},
}
JSON_OF_ARROW = {"string": "string", "int32": "integer", "int64": "integer", "double": "number", "bool": "boolean"}
DECIMAL = re.compile(r"decimal128\((\d+), (\d+)\)")

every_table = pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)


def columns_with_arrow(table: Table) -> list[tuple[Column, pa.Field]]:
    return list(zip(table.columns, arrow.schema(table), strict=True))


@every_table
def test_names_order_and_comments_are_those_of_the_contract(table: Table) -> None:
    names = list(table.column_names)
    struct = json.loads(json.dumps(spark.struct(table)))
    assert arrow.schema(table).names == names
    assert [field["name"] for field in struct["fields"]] == names
    assert [column.name for column in clickhouse.columns(table)] == names
    assert [column.name for column in postgres.columns(table)] == names
    assert [field["metadata"]["comment"] for field in struct["fields"]] == [column.doc for column in table.columns]


@every_table
def test_types_mean_the_same_in_every_engine(table: Table) -> None:
    for column, field in columns_with_arrow(table):
        found = DECIMAL.fullmatch(str(field.type))
        if found:
            precision, scale = found.groups()
            assert spark.data_type(column) == f"decimal({precision},{scale})"
            assert bare(clickhouse.data_type(column)) == f"Decimal({precision}, {scale})"
            assert postgres.data_type(column) == f"numeric({precision},{scale})"
        else:
            assert spark.data_type(column) == SPARK_OF_ARROW[str(field.type)], column.name
            assert bare(clickhouse.data_type(column)) in CLICKHOUSE_OF_ARROW[str(field.type)], column.name
            assert postgres.data_type(column) in POSTGRES_OF_ARROW[str(field.type)], column.name


@every_table
def test_what_may_be_absent_may_be_absent_everywhere(table: Table) -> None:
    for column, field in columns_with_arrow(table):
        assert field.nullable == column.nullable
        assert clickhouse.data_type(column).startswith("Nullable(") == column.nullable
    assert [column.nullable for column in postgres.columns(table)] == [column.nullable for column in table.columns]


def test_a_key_is_never_absent() -> None:
    for table in TABLES.values():
        assert not [name for name in table.key if table.column(name).nullable], table.name


def test_json_and_arrow_agree_about_messages() -> None:
    for topic in TOPICS.values():
        properties = json.loads(json.dumps(json_schema.schema(topic)))["properties"]
        fields = arrow.message_schema(topic)
        assert list(properties) == fields.names
        for column, field in zip(topic.fields, fields, strict=True):
            form = properties[column.name]
            kinds = [form["type"]] if isinstance(form["type"], str) else form["type"]
            assert ("null" in kinds) == column.nullable
            text = JSON_OF_ARROW.get(str(field.type), "string")
            assert kinds[0] == ("object" if column.type is Type.JSON else text), column.name
            assert ("pattern" in form) == (column.type is Type.DECIMAL)


def test_only_postgres_holds_json_documents() -> None:
    for table in TABLES.values():
        if Store.CLICKHOUSE in table.stores:
            assert Type.JSON not in {column.type for column in table.columns}, table.name


def bare(clickhouse_type: str) -> str:
    return (
        clickhouse_type.removeprefix("Nullable(").removesuffix(")")
        if "Nullable" in clickhouse_type
        else clickhouse_type
    )
