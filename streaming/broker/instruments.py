"""What Angel One calls our symbols: exchange, token and trading symbol, from a file made of its instrument list."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lakehouse.errors import TidemarkError

COLUMNS: Final = ("symbol", "exchange", "token", "tradingsymbol")


class InstrumentsError(TidemarkError):
    """The file of instruments cannot be read, or names one twice."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Instrument:
    """A symbol of ours as the broker has it."""

    symbol: str
    exchange: str
    token: str
    tradingsymbol: str


def read_instruments(path: Path) -> Mapping[str, Instrument]:
    """The file's instruments by symbol. Raises InstrumentsError."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InstrumentsError(f"{path} cannot be read: {type(error).__name__}") from error
    found: dict[str, Instrument] = {}
    for number, row in enumerate(rows, start=2):
        fields = [(row.get(name) or "").strip() for name in COLUMNS]
        if not all(fields):
            raise InstrumentsError(f"{path}:{number}: {', '.join(COLUMNS)} are needed")
        each = Instrument(*fields)
        if each.symbol in found or (each.exchange, each.tradingsymbol) in _places(found):
            raise InstrumentsError(f"{path}:{number}: {each.symbol} is named twice")
        found[each.symbol] = each
    return found


def _places(found: Mapping[str, Instrument]) -> set[tuple[str, str]]:
    return {(each.exchange, each.tradingsymbol) for each in found.values()}
