"""The one piece of ClickHouse's Native format that the engine leaves out: a block with columns and no rows."""

from collections.abc import Sequence


def empty_block(columns: Sequence[tuple[str, str]]) -> bytes:
    """A Native block of (name, type) columns and zero rows."""
    parts = [varint(len(columns)), varint(0)]
    for name, kind in columns:
        parts += [_text(name), _text(kind)]
    return b"".join(parts)


def varint(value: int) -> bytes:
    """LEB128 of a non-negative number."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _text(value: str) -> bytes:
    data = value.encode()
    return varint(len(data)) + data
