"""The published outcomes as runs in MLflow: the best ones with their report, made from what gold holds."""

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.backtest.metrics import against
from lakehouse.backtest.report import page, picture, trades_csv
from lakehouse.backtest.result import Result, Trades
from lakehouse.backtest.rules import rules_of
from lakehouse.clock import SystemClock
from lakehouse.contracts.model import Table
from lakehouse.contracts.tables.strategy_backtests import STRATEGY_EQUITY, STRATEGY_RUNS, STRATEGY_TRADES
from lakehouse.risk.checks import FloatArray
from lakehouse.settings import Settings
from lakehouse.stores import delta
from spark_jobs.kit.manifest import Manifest
from spark_jobs.strategy_backtests.parameters import BENCHMARK

EXPERIMENT = "strategy_backtests"
METRICS = (
    "total_return",
    "annual_return",
    "volatility",
    "sharpe",
    "sortino",
    "calmar",
    "max_drawdown",
    "probabilistic_sharpe",
    "deflated_sharpe",
    "overfitting",
    "turnover",
    "trials",
)
STATEMENTS = ("strategy", "kind", "survivorship", "evidence")
IDENTITY = ("strategy", "kind", "trial")


def track(settings: Settings, manifest: Manifest) -> None:
    """Log every outcome of the run, each once. Raises MlflowUnavailableError."""
    # Here, because it takes seconds and much memory: the backtests are done by now.
    from lakehouse.stores.mlflow import Record, record_all

    runs, equity, trades = (
        _published(settings, manifest, each) for each in (STRATEGY_RUNS, STRATEGY_EQUITY, STRATEGY_TRADES)
    )
    records = []
    for row in runs.to_pylist():
        held = _of(equity, {**row, "strategy": BENCHMARK, "trial": 0})
        name = "/".join(str(row[part]) for part in IDENTITY)
        records.append(
            Record(
                source=f"{manifest.run_id}/{name}",
                name=f"{name} {row['business_date']}",
                parameters={key: _text(value) for key, value in json.loads(row["parameters"]).items()},
                metrics={key: float(row[key]) for key in METRICS if row[key] is not None},
                tags={
                    **{key: str(row[key]) for key in STATEMENTS},
                    "tidemark.run_id": manifest.run_id,
                    **{f"delta.{table}": str(version) for table, version in manifest.inputs.items()},
                },
                files=partial(report_files, row, _of(equity, row), _of(trades, row), held) if row["is_best"] else dict,
            )
        )
    record_all(settings.mlflow, EXPERIMENT, records, clock=SystemClock())


def report_files(
    row: Mapping[str, Any], equity: pa.Table, trades: pa.Table, benchmark: pa.Table
) -> dict[str, str | bytes]:
    """report.html, report.png and trades.csv of an outcome: its row of the runs, and its days and fills, beside the
    days of the benchmark where these are of the same dates."""
    result = _result(row, equity, trades)
    other = benchmark.sort_by("equity_date")
    if row["strategy"] != BENCHMARK and other["equity_date"].equals(equity.sort_by("equity_date")["equity_date"]):
        result = replace(result, benchmark=_floats(other["equity_base"]))
    title = f"{row['strategy']} ({row['kind'].replace('_', ' ')}), {result.dates[0]} to {result.dates[-1]}"
    image = picture(result, title)
    numbers = {key: float(row[key]) for key in METRICS if row[key] is not None} | against(result)
    html = page(result, numbers, title, json.loads(row["parameters"]), image)
    return {"report.html": html, "report.png": image, "trades.csv": trades_csv(result)}


def _result(row: Mapping[str, Any], equity: pa.Table, trades: pa.Table) -> Result:
    days, fills = equity.sort_by("equity_date"), trades.sort_by("line")
    dates = days["equity_date"].to_numpy().astype("datetime64[D]")
    symbols = sorted(set(fills["symbol"].to_pylist()))
    signs = np.where(np.array(fills["side"].to_pylist(), dtype=object) == "buy", 1.0, -1.0)
    return Result(
        dates=dates,
        symbols=tuple(symbols),
        equity=_floats(days["equity_base"]),
        cash=_floats(days["cash_base"]),
        trades=Trades(
            np.searchsorted(dates, fills["trade_date"].to_numpy().astype("datetime64[D]")),
            np.searchsorted(np.array(symbols, dtype=np.str_), np.array(fills["symbol"].to_pylist(), dtype=np.str_)),
            _floats(fills["quantity"]) * signs,
            fills["price"].to_numpy(),
            _floats(fills["fee_base"]),
            fills["is_delisting"].to_numpy(),
        ),
        orders=row["order_count"],
        rules=rules_of(json.loads(row["conventions"])),
        survivorship=row["survivorship"],
        trials=row["trials"],
        evidence=row["evidence"],
    )


def _published(settings: Settings, manifest: Manifest, table: Table) -> pa.Table:
    """The rows that the run published, of the table's version that it made."""
    found = delta.open_table(settings.s3, table, version=manifest.outputs[table.name].delta_version)
    return found.to_pyarrow_table(filters=[("business_date", "=", manifest.business_date)])


def _of(rows: pa.Table, row: Mapping[str, Any]) -> pa.Table:
    """The rows of one outcome."""
    mask = pc.and_(
        pc.and_(pc.equal(rows["strategy"], row["strategy"]), pc.equal(rows["kind"], row["kind"])),
        pc.equal(rows["trial"], row["trial"]),
    )
    return rows.filter(mask)


def _floats(column: pa.ChunkedArray) -> FloatArray:
    return np.asarray(pc.cast(column, pa.float64()).to_numpy(), dtype=np.float64)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
