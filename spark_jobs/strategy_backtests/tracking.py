"""The published outcomes as runs in MLflow: the best ones with their report, made from what gold holds."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial, reduce
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.backtest.report import page, picture, trades_csv
from lakehouse.backtest.result import Result, Trades
from lakehouse.backtest.rules import rules_of
from lakehouse.clock import SystemClock
from lakehouse.contracts.model import Table
from lakehouse.contracts.render.arrow import schema
from lakehouse.contracts.tables.strategy_backtests import (
    STRATEGY_EQUITY,
    STRATEGY_RELATIVE,
    STRATEGY_RUNS,
    STRATEGY_TRADES,
)
from lakehouse.risk.checks import FloatArray
from lakehouse.settings import Settings
from lakehouse.stores import delta
from spark_jobs.kit.manifest import Manifest

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
RELATIVE = ("benchmark_return", "excess_return", "beta", "alpha", "tracking_error", "information_ratio")
STATEMENTS = ("strategy", "kind", "survivorship", "evidence")
IDENTITY = ("strategy", "kind", "trial")


def track(settings: Settings, manifest: Manifest) -> None:
    """Log every outcome of the run, each once. Raises MlflowUnavailableError."""
    # Here, because it takes seconds and much memory: the backtests are done by now.
    from lakehouse.stores.mlflow import Record, record_all

    runs, equity, trades, relative = (
        _published(settings, manifest, each)
        for each in (STRATEGY_RUNS, STRATEGY_EQUITY, STRATEGY_TRADES, STRATEGY_RELATIVE)
    )
    records = []
    for row in runs.to_pylist():
        name = "/".join(str(row[part]) for part in IDENTITY)
        told: Mapping[str, Any] = next(iter(_of(relative, row).to_pylist()), {})
        # Equity is kept of the best trial alone: its strategy and kind name it.
        held = _of(equity, {**row, "strategy": told["benchmark"]}, ("strategy", "kind")) if told else None
        records.append(
            Record(
                source=f"{manifest.run_id}/{name}",
                name=f"{name} {row['business_date']}",
                parameters={key: _text(value) for key, value in json.loads(row["parameters"]).items()},
                metrics=_numbers({**row, **told}),
                tags={
                    **{key: str(row[key]) for key in STATEMENTS},
                    "tidemark.run_id": manifest.run_id,
                    **{f"delta.{table}": str(version) for table, version in manifest.inputs.items()},
                },
                files=partial(report_files, {**row, **told}, _of(equity, row), _of(trades, row), held)
                if row["is_best"]
                else dict,
            )
        )
    record_all(settings.mlflow, EXPERIMENT, records, clock=SystemClock())


def report_files(
    row: Mapping[str, Any], equity: pa.Table, trades: pa.Table, benchmark: pa.Table | None
) -> dict[str, str | bytes]:
    """report.html, report.png and trades.csv of an outcome: its row of the runs with that of the comparison, where
    there is one, its days and fills, and the days of the benchmark."""
    result = _result(row, equity, trades)
    if benchmark is not None:
        result = replace(result, benchmark=_floats(benchmark.sort_by("equity_date")["equity_base"]))
    title = f"{row['strategy']} ({row['kind'].replace('_', ' ')}), {result.dates[0]} to {result.dates[-1]}"
    image = picture(result, title)
    html = page(result, _numbers(row), title, json.loads(row["parameters"]), image)
    return {"report.html": html, "report.png": image, "trades.csv": trades_csv(result)}


def _numbers(row: Mapping[str, Any]) -> dict[str, float]:
    """The metrics that there are, by name."""
    return {name: float(row[name]) for name in (*METRICS, *RELATIVE) if row.get(name) is not None}


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
    """The rows that the run published, of the table's version that it made; none of a table younger than the run."""
    if table.name not in manifest.outputs:
        return schema(table).empty_table()
    found = delta.open_table(settings.s3, table, version=manifest.outputs[table.name].delta_version)
    return found.to_pyarrow_table(filters=[("business_date", "=", manifest.business_date)])


def _of(rows: pa.Table, row: Mapping[str, Any], identity: Sequence[str] = IDENTITY) -> pa.Table:
    """The rows that have the same identity as `row`."""
    return rows.filter(reduce(pc.and_, (pc.equal(rows[name], row[name]) for name in identity)))


def _floats(column: pa.ChunkedArray) -> FloatArray:
    return np.asarray(pc.cast(column, pa.float64()).to_numpy(), dtype=np.float64)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
