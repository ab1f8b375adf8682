"""Which column of a file is which field of a message, by name, alias or the user's own mapping."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from lakehouse.contracts.model import Topic, Type
from lakehouse.contracts.topics import BARS_DAILY, TICKS
from lakehouse.errors import TidemarkError


class LayoutError(TidemarkError):
    """The file's columns do not make the message, or the mapping names what is not there."""

    exit_code = 2


class Kind(StrEnum):
    """What the rows of a file are."""

    BARS = "bars"
    TICKS = "ticks"


TOPICS: dict[Kind, Topic] = {Kind.BARS: BARS_DAILY, Kind.TICKS: TICKS}
TIME_FIELD = "event_time"
OHL = ("open", "high", "low")
_REQUIRED = {Kind.BARS: ("symbol", "business_date", "close"), Kind.TICKS: ("symbol", TIME_FIELD)}
_TICK_PRICES = ("price", "bid_price", "ask_price")
_ALIASES: dict[str, tuple[str, ...]] = {
    "symbol": ("ticker",),
    "business_date": ("date", "day", "trading_day"),
    TIME_FIELD: ("event_time_us", "timestamp", "datetime", "time"),
    "size": ("quantity", "qty"),
    "bid_price": ("bid",),
    "ask_price": ("ask",),
    "volume": ("vol",),
}


@dataclass(frozen=True, slots=True)
class Layout:
    """`columns` maps a field to the file's column; `ignored` are the file's columns that no field takes."""

    kind: Kind
    columns: dict[str, str]
    ignored: tuple[str, ...]

    @property
    def topic(self) -> Topic:
        return TOPICS[self.kind]

    @property
    def has_ohlc(self) -> bool:
        """Whether bars have an open, a high and a low, not only a close."""
        return self.kind is Kind.BARS and "open" in self.columns


def fields_of(kind: Kind) -> tuple[str, ...]:
    """The field names that `--map` knows. A tick's time is `event_time`; a bar's `kind` follows from its columns."""
    names = (field.name for field in TOPICS[kind].fields)
    if kind is Kind.TICKS:
        return tuple(TIME_FIELD if name == "event_time_us" else name for name in names)
    return tuple(name for name in names if name != "kind")


def lay_out(file: str, columns: Sequence[str], *, kind: Kind | None, mapping: Mapping[str, str]) -> Layout:
    """Find every field's column; `mapping` (field to column) wins over names, names over aliases.

    Names are compared without regard to case, and a space counts as an underscore. Raises LayoutError that names
    the missing or misspelt column, lists those found and shows the flag that would help.
    """
    chosen = kind or _detect(file, columns, mapping)
    _check_mapping(file, columns, chosen, mapping)
    named = {_plain(column): column for column in reversed(columns)}
    taken = dict(mapping)
    for field in fields_of(chosen):
        spellings = (field, *_ALIASES.get(field, ()))
        found = next((named[name] for name in spellings if name in named), None)
        if field not in taken and found is not None and found not in taken.values():
            taken[field] = found
    _check_required(file, columns, chosen, taken)
    return Layout(chosen, taken, tuple(name for name in columns if name not in taken.values()))


def _plain(column: str) -> str:
    return column.strip().lower().replace(" ", "_")


def _detect(file: str, columns: Sequence[str], mapping: Mapping[str, str]) -> Kind:
    names = {_plain(column) for column in columns}
    is_ticks = bool(names & {TIME_FIELD, *_ALIASES[TIME_FIELD]}) or TIME_FIELD in mapping
    is_bars = bool(names & {"business_date", *_ALIASES["business_date"]}) or "business_date" in mapping
    if is_ticks != is_bars:
        return Kind.TICKS if is_ticks else Kind.BARS
    what = "both a day and a time" if is_ticks else "neither a day nor a time"
    raise LayoutError(
        f"{file}: {what} among its columns, so it is not clear what its rows are. {_found(columns)}. "
        "Say --kind bars or --kind ticks, and where a column has another name, "
        "--map business_date=COLUMN or --map event_time=COLUMN"
    )


def _check_mapping(file: str, columns: Sequence[str], kind: Kind, mapping: Mapping[str, str]) -> None:
    for field, column in mapping.items():
        if field not in fields_of(kind):
            raise LayoutError(
                f"--map {field}={column}: {kind} have no field {field}, only {', '.join(fields_of(kind))}"
            )
        if column not in columns:
            raise LayoutError(f"--map {field}={column}: {file} has no column {column}. Found: {', '.join(columns)}")


def _check_required(file: str, columns: Sequence[str], kind: Kind, taken: Mapping[str, str]) -> None:
    missing = [field for field in _REQUIRED[kind] if field not in taken]
    if kind is Kind.BARS and any(field in taken for field in OHL):
        missing += [field for field in OHL if field not in taken]
    if kind is Kind.TICKS and not any(field in taken for field in _TICK_PRICES):
        missing.append("price")
    if not missing:
        return
    wanted = "; ".join(
        f"{field} (also looked for {', '.join(_ALIASES[field])})" if field in _ALIASES else field for field in missing
    )
    flags = " ".join(f"--map {field}=COLUMN" for field in missing)
    raise LayoutError(f"{file}: missing column for {kind}: {wanted}. {_found(columns)}. Say {flags}")


def _found(columns: Sequence[str]) -> str:
    hint = " (is it separated by something else than commas? see --delimiter)" if len(columns) == 1 else ""
    return f"Found: {', '.join(columns)}{hint}"


def numeric_fields() -> frozenset[str]:
    """The fields of any kind that hold a price, a size or a count."""
    numbers = {Type.DECIMAL, Type.FLOAT64, Type.INT64}
    every = (field for topic in TOPICS.values() for field in topic.fields)
    return frozenset(field.name for field in every if field.type in numbers) - {"event_time_us", "sequence"}
