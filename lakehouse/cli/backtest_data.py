"""Where `tidemark backtest` has its bars and signals from."""

from pathlib import Path

import numpy as np

from lakehouse.backtest.market import Market, from_closes
from lakehouse.backtest.rules import Fill
from lakehouse.backtest.strategies.signals import Signals
from lakehouse.backtest.tables import BarRows, Event, market_of, with_events
from lakehouse.cli.backtest_options import LAKE, SP500, BadOption
from lakehouse.contracts.tables.silver import DAILY_BARS
from lakehouse.quality.actions import Action
from lakehouse.settings import Settings, load
from lakehouse.stores import delta

SP500_CHOICE = "20 names of the S&P 500 that were still there in 2022, chosen with hindsight: biased upwards"
LAKE_CHOICE = "instruments that were ingested into silver.daily_bars_v1: what ended earlier may be missing"
COLUMNS = ("date", "symbol", "weight")


def market(dataset: str, currency: str) -> tuple[Market, Fill]:
    """The bars of a dataset in one currency, and when its orders can be filled. Raises BadOption, BadMarket."""
    if dataset == SP500:
        return _sp500(), Fill.NEXT_CLOSE
    if dataset == LAKE:
        return lake(load(), currency), Fill.NEXT_OPEN
    raise BadOption(f"--dataset {dataset}: it is {LAKE} or {SP500}")


def signals(path: Path) -> Signals:
    """The weights in a CSV or Parquet file with the columns date, symbol and weight. Raises BadOption."""
    import pandas as pd

    try:
        rows = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
        dates = pd.to_datetime(rows["date"]).to_numpy().astype("datetime64[D]")
        weights = rows["weight"].to_numpy(dtype=np.float64)
        return Signals(dates=dates, symbols=tuple(map(str, rows["symbol"])), values=weights)
    except (OSError, KeyError, ValueError) as error:
        raise BadOption(f"{path} is no file of {', '.join(COLUMNS)}: {error}") from error


def _sp500() -> Market:
    from skfolio.datasets import load_sp500_dataset, load_sp500_index

    closes, index = load_sp500_dataset(), load_sp500_index()
    benchmark = index.reindex(closes.index).ffill().to_numpy(dtype=np.float64)[:, 0]
    return from_closes(
        closes.index.to_numpy(),
        list(map(str, closes.columns)),
        closes.to_numpy(dtype=np.float64),
        survivorship=SP500_CHOICE,
        benchmark=benchmark,
    )


def lake(settings: Settings, currency: str) -> Market:
    """All bars of silver in one currency, with the corporate actions that the books know; empty for the only one.
    Raises BadOption, BadMarket."""
    import psycopg
    import pyarrow.compute as pc
    from deltalake.exceptions import DeltaError, TableNotFoundError

    from lakehouse.stores import price_actions

    names = ["business_date", "symbol", "open", "high", "low", "close", "volume"]
    try:
        acted = price_actions.active(settings.postgres)
        table = delta.open_table(settings.s3, DAILY_BARS)
        rows = table.to_pyarrow_table(columns=[*names, "currency"])
    except TableNotFoundError as error:
        raise BadOption("there are no bars yet: `tidemark demo` makes some, or take --dataset sp500") from error
    except psycopg.Error as error:
        raise BadOption(f"PostgreSQL does not answer ({error}): `tidemark up`, or take --dataset sp500") from error
    except (DeltaError, OSError) as error:
        raise BadOption(f"the lake does not answer ({error}): `tidemark up`, or take --dataset sp500") from error
    currencies = sorted(set(rows["currency"].to_pylist()))
    if len(currencies) > 1 and not currency:
        raise BadOption(f"the bars are in {', '.join(currencies)}: say which by --currency")
    rows = rows.filter(pc.equal(rows["currency"], currency or currencies[0])) if currencies else rows
    numbers = {name: rows[name].cast("float64").to_numpy() for name in names[2:]}
    dates, symbols = rows["business_date"].to_numpy(), rows["symbol"].to_numpy().astype(np.str_)
    found = market_of(BarRows(dates=dates, symbols=symbols, **numbers), survivorship=LAKE_CHOICE)
    return with_events(found, map(_event, acted))


def _event(action: Action) -> Event:
    day = np.datetime64(action.ex_date, "D")
    return Event(action.symbol, day, float(action.scale), float(action.amount or 0))
