"""Every topic has examples, and every example keeps the topic's contract in every rendering of it."""

import json
from io import BytesIO

import pyarrow as pa
import pyarrow.json as arrow_json
import pytest
from jsonschema import Draft202012Validator, FormatChecker

from lakehouse.contracts.model import Topic, Type
from lakehouse.contracts.render import arrow, json_schema
from lakehouse.contracts.tables.bronze import EXTRA, PROVENANCE
from lakehouse.contracts.topics import TOPICS

EXAMPLES = [(topic, example) for topic in TOPICS.values() for example in topic.examples]


def validator(topic: Topic) -> Draft202012Validator:
    return Draft202012Validator(json_schema.schema(topic), format_checker=FormatChecker())


def flat(topic: Topic, message: dict[str, object]) -> dict[str, object]:
    """The message with its nested fields as text, as bronze holds them."""
    nested = {column.name for column in topic.fields if column.type is Type.JSON}
    return {name: json.dumps(value) if name in nested else value for name, value in message.items()}


def as_read(schema: pa.Schema) -> pa.Schema:
    """Arrow's JSON reader knows no dates: they are read as text and cast."""
    fields = [field.with_type(pa.string()) if pa.types.is_date32(field.type) else field for field in schema]
    return pa.schema(fields)


@pytest.mark.parametrize("topic", TOPICS.values(), ids=lambda topic: topic.name)
class TestTopic:
    def test_it_has_two_examples_or_more(self, topic: Topic) -> None:
        assert len(topic.examples) >= 2

    def test_its_schema_is_a_schema(self, topic: Topic) -> None:
        Draft202012Validator.check_schema(json_schema.schema(topic))

    def test_key_and_time_are_fields_that_are_always_there(self, topic: Topic) -> None:
        required = {column.name for column in topic.fields if not column.nullable}
        assert {topic.key, topic.event_time} <= required

    def test_bronze_holds_provenance_then_every_field_then_the_unknown_ones(self, topic: Topic) -> None:
        assert topic.bronze.columns == (*PROVENANCE, *topic.fields, EXTRA)

    def test_it_names_an_owner_a_producer_and_a_consumer(self, topic: Topic) -> None:
        assert topic.owner
        assert topic.producers
        assert "streaming.landing" in topic.consumers, "everything that crosses Kafka lands in bronze"

    def test_each_required_field_is_missed(self, topic: Topic) -> None:
        message = json.loads(topic.examples[0])
        for column in topic.fields:
            if not column.nullable:
                without = {name: value for name, value in message.items() if name != column.name}
                assert not validator(topic).is_valid(without), column.name

    def test_unknown_fields_are_allowed(self, topic: Topic) -> None:
        assert validator(topic).is_valid({**json.loads(topic.examples[0]), "added_next_year": 1})


@pytest.mark.parametrize(("topic", "example"), EXAMPLES)
class TestExample:
    def test_it_keeps_the_json_schema(self, topic: Topic, example: str) -> None:
        assert [error.message for error in validator(topic).iter_errors(json.loads(example))] == []

    def test_it_fits_the_arrow_schema(self, topic: Topic, example: str) -> None:
        schema = arrow.message_schema(topic)
        options = arrow_json.ParseOptions(explicit_schema=as_read(schema), unexpected_field_behavior="error")
        message = json.dumps(flat(topic, json.loads(example)))
        read = arrow_json.read_json(BytesIO(message.encode()), parse_options=options).cast(schema)
        given = {name for name, value in read.to_pylist()[0].items() if value is not None}
        assert read.schema == schema
        assert given == set(json.loads(example))

    def test_it_becomes_a_bronze_row(self, topic: Topic, example: str) -> None:
        schema = arrow.schema(topic.bronze)
        message = flat(topic, json.loads(example))
        for column in topic.fields:
            field = schema.field(column.name)
            assert field.nullable or message.get(column.name) is not None
            pa.array([message.get(column.name)]).cast(pa.string()).cast(field.type)

    def test_it_is_one_line_without_spaces_to_spare(self, topic: Topic, example: str) -> None:
        assert json.dumps(json.loads(example), separators=(",", ":")) == example, topic.name


def test_schema_ids_and_names_are_told_apart() -> None:
    assert [topic.name for topic in TOPICS.values()] == list(TOPICS)
    assert len({topic.bronze.name for topic in TOPICS.values()}) == len(TOPICS)
