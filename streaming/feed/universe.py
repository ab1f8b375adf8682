"""The symbols that a feed follows, with the names that a broker has for them."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lakehouse.errors import TidemarkError


class UniverseError(TidemarkError):
    """The list of symbols is missing, empty or names one twice."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Instrument:
    """A symbol, and where a broker counts its instruments, its exchange (`NSE`, `BSE`) and number (`2885`) there."""

    symbol: str
    exchange: str | None = None
    token: str | None = None


def universe(text: str) -> tuple[Instrument, ...]:
    """`AAPL,MSFT`, or a CSV file (its name ends in .csv) with the column symbol and, for brokers, exchange and token.

    Raises UniverseError that names the file and the line.
    """
    path = Path(text)
    found = tuple(_of_file(path) if path.suffix == ".csv" else _of_words(text))
    symbols = [instrument.symbol for instrument in found]
    twice = sorted({symbol for symbol in symbols if symbols.count(symbol) > 1})
    if twice:
        raise UniverseError(f"{text}: {', '.join(twice)} twice")
    if not found:
        raise UniverseError(f"{text}: no symbol in it")
    return found


def _of_words(text: str) -> Iterator[Instrument]:
    return (Instrument(word.strip()) for word in text.split(",") if word.strip())


def _of_file(path: Path) -> Iterator[Instrument]:
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            reader = csv.DictReader(lines)
            for row in reader:
                symbol = (row.get("symbol") or "").strip()
                if not symbol:
                    raise UniverseError(f"{path}:{reader.line_num}: no symbol; the columns are symbol,exchange,token")
                yield Instrument(symbol, row.get("exchange") or None, row.get("token") or None)
    except (OSError, UnicodeDecodeError) as error:
        raise UniverseError(f"{path}: cannot be read: {error}") from error
