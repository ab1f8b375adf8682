"""`tidemark quality scan`: the defects of a file of daily bars."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from lakehouse.errors import TidemarkError

if TYPE_CHECKING:
    from lakehouse.quality.bars import Defect
    from lakehouse.quality.table import BarColumns

COLUMNS = ("date", "symbol", "open", "high", "low", "close", "volume")


class UnreadableBars(TidemarkError):
    """The file holds no daily bars that can be judged."""


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    quality = typer.Typer(help="What is wrong with data.", no_args_is_help=True)
    quality.command()(scan)
    quality.callback()(_quality)
    app.add_typer(quality, name="quality")


def _quality() -> None:
    """What is wrong with data."""


def scan(
    file: Annotated[
        Path, typer.Argument(help="CSV (.gz too) or Parquet: date, symbol, open, high, low, close, volume.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Print every defect of the bars in FILE: missing prices, contradictions, prints and gaps that no market made.

    The same checks run each night over the lake (`tidemark run quality_daily`); docs/quality.md says what they mean.
    """
    found = scan_file(file)
    console = Console(soft_wrap=True, highlight=False)
    for defect in found:
        told = {"symbol": defect.symbol, "day": str(defect.day), "kind": str(defect.kind), "detail": defect.detail}
        line = json.dumps(told) if as_json else f"{defect.day} {defect.symbol:<6} {defect.kind:<18} {defect.detail}"
        console.print(line, markup=False)
    Console(stderr=True).print(f"{len(found)} defects", highlight=False)


def scan_file(path: Path) -> "tuple[Defect, ...]":
    """The defects of the bars in `path`, by kind, day and symbol. Raises UnreadableBars."""
    # Here, because NumPy and PyArrow take half a second: other commands do not wait for them.
    from lakehouse.quality.table import scan as scan_columns

    try:
        found = scan_columns(read(path))
    except ValueError as error:
        raise UnreadableBars(f"{path}: {error}") from error
    return tuple(sorted(found, key=lambda defect: (defect.kind, defect.day, defect.symbol)))


def read(path: Path) -> "BarColumns":
    """The bars in `path`. Raises UnreadableBars."""
    import numpy as np
    import pyarrow as pa
    from pyarrow import csv, parquet

    from lakehouse.quality.table import BarColumns

    try:
        table = parquet.read_table(path) if path.suffix == ".parquet" else csv.read_csv(path)
        numbers = {name: table[name].cast("float64").to_numpy() for name in COLUMNS[2:]}
        days = table["date"].cast(pa.date32()).to_numpy().astype("datetime64[D]")
        symbols = table["symbol"].cast("string").to_numpy().astype(np.str_)
    except (OSError, KeyError, pa.ArrowException) as error:
        raise UnreadableBars(f"{path} is no file with the columns {', '.join(COLUMNS)}: {error}") from error
    return BarColumns(symbols, days, **numbers)
