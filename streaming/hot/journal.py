"""How batches are written down, and a state: plain bytes. Pure."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
import orjson

from lakehouse.alerting.marks import Market
from lakehouse.alerting.memory import Memory, OfPortfolios, OfRules
from lakehouse.errors import TidemarkError
from streaming.hot.changes import Change, Sight
from streaming.hot.processor import State

NO_BEAT: Final = 0
_VERSION: Final = 1
_LEVEL: Final = 1


class StateUnreadable(TidemarkError):
    """A checkpoint of another version, or of none."""

    def __init__(self, fault: str) -> None:
        super().__init__(f"the hot process's checkpoint {fault}: --accept-gap goes on without it, after the journal")


@dataclass(frozen=True, slots=True)
class Cut:
    """A batch of the journal: the next offset of each partition, in order, after it; or the beat that it was."""

    ends: tuple[int, ...]
    beat_us: int = NO_BEAT


def cuts_to_bytes(cuts: Sequence[Cut]) -> bytes:
    """As the contract of hot.journal says."""
    return np.array([(*cut.ends, cut.beat_us) for cut in cuts], dtype="<i8").tobytes()


def cuts_of(found: bytes, batches: int) -> list[Cut]:
    """What `cuts_to_bytes` wrote."""
    rows = np.frombuffer(found, "<i8").reshape(batches, -1).tolist() if batches else []
    return [Cut(tuple(row[:-1]), row[-1]) for row in rows]


def change_to_text(change: Change) -> str:
    """JSON, with keys in their order."""
    return orjson.dumps(change).decode()


def change_of(text: str) -> Change:
    """What `change_to_text` wrote."""
    found: Change = orjson.loads(text)
    return found


@dataclass(frozen=True, slots=True)
class Standing:
    """A state, and the next offset of each partition."""

    state: State
    ends: tuple[int, ...]


class _Kept(msgspec.Struct, array_like=True):
    """`maps` are values, or bytes of them that are written as they are."""

    version: int
    ends: tuple[int, ...]
    maps: dict[str, dict[str, object]]
    day: int
    desk: bytes | None
    symbols: tuple[str, ...]
    rule_ids: tuple[str, ...]
    portfolio_ids: tuple[str, ...]
    columns: dict[str, tuple[str, bytes]]


def pack(standing: Standing) -> bytes:
    """All of it."""
    state, memory = standing.state, standing.state.memory
    columns = {
        **{f"market.{name}": column for name, column in memory.market._asdict().items()},
        **{f"rules.{name}": getattr(memory.rules, name) for name in _arrays(OfRules)},
        **{f"portfolios.{name}": getattr(memory.portfolios, name) for name in _arrays(OfPortfolios)},
        "time": memory.time,
    }
    kept = _Kept(
        _VERSION,
        standing.ends,
        {name: _each_packed(held) for name, held in state.sight.maps.items()},
        state.day,
        state.desk,
        memory.symbols,
        memory.rules.ids,
        memory.portfolios.ids,
        {name: (column.dtype.str, column.tobytes()) for name, column in columns.items()},
    )
    return zlib.compress(msgspec.msgpack.encode(kept), _LEVEL)


def _each_packed(held: Mapping[str, object]) -> dict[str, object]:
    """The same bytes, made value by value: other threads wait for one of them, not for all."""
    return {key: msgspec.Raw(msgspec.msgpack.encode(value)) for key, value in held.items()}


def unpack(found: bytes) -> Standing:
    """What `pack` wrote. Raises StateUnreadable."""
    try:
        kept = msgspec.msgpack.decode(zlib.decompress(found), type=_Kept)
    except (zlib.error, msgspec.DecodeError) as error:
        raise StateUnreadable(f"cannot be read ({error})") from error
    if kept.version != _VERSION:
        raise StateUnreadable(f"has version {kept.version}, this code {_VERSION}")
    memory = Memory(
        symbols=kept.symbols,
        market=Market(**_columns(kept.columns, "market.")),
        rules=OfRules(kept.rule_ids, **_columns(kept.columns, "rules.")),
        portfolios=OfPortfolios(kept.portfolio_ids, **_columns(kept.columns, "portfolios.")),
        time=_column(kept.columns["time"]),
    )
    return Standing(State(Sight(kept.maps), memory, kept.desk, kept.day), kept.ends)


def _arrays(kind: type[OfRules] | type[OfPortfolios]) -> list[str]:
    return [name for name in kind.__dataclass_fields__ if name != "ids"]


def _columns(columns: Mapping[str, tuple[str, bytes]], prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): _column(found) for name, found in columns.items() if name.startswith(prefix)}


def _column(found: tuple[str, bytes]) -> np.ndarray:
    dtype, data = found
    column: np.ndarray = np.frombuffer(data, np.dtype(dtype)).copy()
    return column
