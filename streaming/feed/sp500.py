"""Real daily closes: 20 S&P 500 members from 1990-01-02 to 2022-12-28, out of the skfolio wheel, without a network."""

import gzip
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from lakehouse.contracts.render import arrow
from lakehouse.contracts.topics import BARS_DAILY
from lakehouse.errors import TidemarkError

PROVIDER = "skfolio-sp500"
CURRENCY = "USD"
SYMBOL_COUNT = 20
_FILE = Path("datasets") / "data" / "sp500_dataset.csv.gz"


class DatasetError(TidemarkError):
    """The price file is not where the skfolio wheel keeps it, or not what it was."""


def daily_closes() -> pa.Table:
    """Every close as a row of `market.bars.daily` (kind close, provider skfolio-sp500, USD), by day, then symbol.

    Closes are adjusted for splits and dividends, as skfolio says. The file that `skfolio.datasets.load_sp500_dataset`
    reads is read here as text, so that a price never passes through a float; it is rounded half to even to the
    contract's 8 decimals (the file has 3). Raises DatasetError where the file is missing or has another shape.
    """
    wide = _read(_path())
    symbols = sorted(set(wide.column_names) - {"Date"})
    if len(symbols) != SYMBOL_COUNT:
        raise DatasetError(f"the skfolio price file has {len(symbols)} symbols, not {SYMBOL_COUNT}: install the lock")
    long = _melt(wide, symbols)
    return long.filter(pc.is_valid(long["close"]))


def _path() -> Path:
    # Importing skfolio takes three seconds and draws in its whole optimiser; only its file is wanted.
    found = find_spec("skfolio")
    path = Path(found.origin).parent / _FILE if found and found.origin else _FILE
    if not path.is_file():
        raise DatasetError(f"{path} is missing: install requirements.lock, which carries the skfolio wheel")
    return path


def _read(path: Path) -> pa.Table:
    with gzip.open(path, "rt", encoding="utf-8") as text:
        header = text.readline().strip().split(",")
    with pa.input_stream(str(path), compression="gzip") as stream:
        types = {name: pa.string() for name in header}
        return pa_csv.read_csv(
            stream, convert_options=pa_csv.ConvertOptions(column_types=types, strings_can_be_null=True)
        )


def _melt(wide: pa.Table, symbols: list[str]) -> pa.Table:
    days, width = wide.num_rows, len(symbols)
    closes = pa.concat_arrays([_close(wide.column(symbol)) for symbol in symbols])
    # The columns are stacked symbol by symbol; the market sends day by day.
    by_day = pa.array(np.arange(days * width).reshape(width, days).T.ravel())
    columns = {
        "symbol": pa.array(np.tile(np.array(symbols, dtype=object), days), pa.string()),
        "business_date": pc.cast(wide.column("Date"), pa.date32()).take(pa.array(np.repeat(np.arange(days), width))),
        "kind": pa.repeat(pa.scalar("close"), days * width),
        "provider": pa.repeat(pa.scalar(PROVIDER), days * width),
        "currency": pa.repeat(pa.scalar(CURRENCY), days * width),
        "close": closes.take(by_day),
    }
    schema = pa.schema([field for field in arrow.message_schema(BARS_DAILY) if field.name in columns])
    return pa.table(columns, schema=schema)


def _close(text: pa.ChunkedArray) -> pa.Array:
    wide = pc.cast(text.combine_chunks(), pa.decimal128(38, 20))
    return pc.cast(pc.round(wide, ndigits=8, round_mode="half_to_even"), pa.decimal128(18, 8))
