"""Topics as JSON Schema 2020-12, for producers in any language."""

from lakehouse.contracts.model import Column, Topic, Type

_PLAIN: dict[Type, dict[str, object]] = {
    Type.STRING: {"type": "string", "minLength": 1},
    Type.INT32: {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1},
    Type.INT64: {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1},
    Type.FLOAT64: {"type": "number"},
    Type.BOOL: {"type": "boolean"},
    Type.DATE: {"type": "string", "format": "date"},
    Type.TIMESTAMP: {"type": "string", "format": "date-time"},
    Type.UUID: {"type": "string", "format": "uuid"},
    Type.JSON: {"type": "object"},
}


def schema(topic: Topic) -> dict[str, object]:
    """An object schema that allows unknown fields: additive change is the only change."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": topic.name,
        "description": topic.doc,
        "type": "object",
        "properties": {column.name: _property(column) for column in topic.fields},
        "required": [column.name for column in topic.fields if not column.nullable],
        "additionalProperties": True,
    }


def _property(column: Column) -> dict[str, object]:
    unit = f" ({column.unit})" if column.unit else ""
    form = _decimal(column) if column.type is Type.DECIMAL else dict(_PLAIN[column.type])
    if column.nullable:
        form["type"] = [form["type"], "null"]
    return {**form, "description": column.doc + unit}


def _decimal(column: Column) -> dict[str, object]:
    whole = column.precision - column.scale
    return {"type": "string", "pattern": rf"^-?\d{{1,{whole}}}(\.\d{{1,{column.scale}}})?$"}
