"""Outcomes as rows of the gold tables."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.backtest.metrics import against, drawdown, measure
from lakehouse.backtest.result import Result
from lakehouse.contracts.model import Table
from lakehouse.contracts.render.arrow import schema
from lakehouse.contracts.tables.strategy_backtests import (
    STRATEGY_EQUITY,
    STRATEGY_RELATIVE,
    STRATEGY_RUNS,
    STRATEGY_TRADES,
)
from lakehouse.risk.checks import FloatArray
from spark_jobs.strategy_backtests.study import Outcome

CENT_DIGITS, UNIT_DIGITS = 2, 8


def run_rows(outcomes: Iterable[Outcome], business_date: date, run_id: str) -> pa.Table:
    """gold.strategy_runs_v1: one row an outcome."""
    rows = [_run(outcome, business_date, run_id) for outcome in outcomes]
    return pa.Table.from_pylist(rows, schema(STRATEGY_RUNS))


def equity_rows(outcomes: Sequence[Outcome], business_date: date, run_id: str) -> pa.Table:
    """gold.strategy_equity_v1: one row a day of every best outcome."""
    return _stacked(
        STRATEGY_EQUITY, [_equity(each) for each in outcomes if each.is_best], outcomes, business_date, run_id
    )


def trade_rows(outcomes: Sequence[Outcome], business_date: date, run_id: str) -> pa.Table:
    """gold.strategy_trades_v1: one row a fill of every best outcome."""
    return _stacked(
        STRATEGY_TRADES, [_trades(each) for each in outcomes if each.is_best], outcomes, business_date, run_id
    )


def relative_rows(outcomes: Sequence[Outcome], benchmark: str, business_date: date, run_id: str) -> pa.Table:
    """gold.strategy_relative_v1: one row an outcome of another strategy than `benchmark`, whose best trial and
    walk-forward are the measure. An outcome of other days than its measure has none."""
    held = {each.kind: each.result for each in outcomes if each.strategy == benchmark and each.is_best}
    rows = [
        _relative(outcome, held[outcome.kind], benchmark, business_date, run_id)
        for outcome in outcomes
        if outcome.strategy != benchmark
        and outcome.kind in held
        and np.array_equal(outcome.result.dates, held[outcome.kind].dates)
    ]
    return pa.Table.from_pylist(rows, schema(STRATEGY_RELATIVE))


def _relative(outcome: Outcome, held: Result, benchmark: str, business_date: date, run_id: str) -> dict[str, Any]:
    told = against(replace(outcome.result, benchmark=held.equity))
    return {
        "business_date": business_date,
        "strategy": outcome.strategy,
        "kind": outcome.kind,
        "trial": outcome.trial,
        "benchmark": benchmark,
        **{name: value for name, value in told.items() if math.isfinite(value)},
        "run_id": run_id,
    }


def _run(outcome: Outcome, business_date: date, run_id: str) -> dict[str, Any]:
    result, metrics = outcome.result, measure(outcome.result)
    told = metrics.document()
    same = ("total_return", "annual_return", "volatility", "sharpe", "sortino", "calmar", "max_drawdown", "turnover")
    return {
        "business_date": business_date,
        "strategy": outcome.strategy,
        "kind": outcome.kind,
        "trial": outcome.trial,
        "is_best": outcome.is_best,
        "parameters": _json(dict(outcome.parameters)),
        "first_date": result.dates[0].item(),
        "last_date": result.dates[-1].item(),
        "instruments": len(result.symbols),
        "trials": result.trials,
        **{name: told.get(name) for name in same},
        "probabilistic_sharpe": metrics.probabilistic_sharpe,
        "deflated_sharpe": metrics.deflated_sharpe,
        "overfitting": outcome.overfitting,
        "costs_base": decimals(np.array([metrics.costs]), CENT_DIGITS)[0],
        "order_count": result.orders,
        "trade_count": len(result.trades),
        "survivorship": result.survivorship,
        "evidence": result.evidence,
        "conventions": _json(result.rules.document()),
        "run_id": run_id,
    }


def _equity(outcome: Outcome) -> dict[str, pa.Array]:
    result = outcome.result
    return {
        "equity_date": pa.array(result.dates, pa.date32()),
        "equity_base": decimals(result.equity, CENT_DIGITS),
        "cash_base": decimals(result.cash, CENT_DIGITS),
        "drawdown": pa.array(drawdown(result)),
    }


def _trades(outcome: Outcome) -> dict[str, pa.Array]:
    result, trades = outcome.result, outcome.result.trades
    return {
        "line": pa.array(np.arange(len(trades)), pa.int64()),
        "trade_date": pa.array(result.dates[trades.day], pa.date32()),
        "symbol": pa.array(np.array(result.symbols, dtype=object)[trades.column], pa.string()),
        "side": pa.array(np.where(trades.units > 0, "buy", "sell").astype(object), pa.string()),
        "quantity": decimals(np.abs(trades.units), UNIT_DIGITS, precision=28),
        "price": pa.array(trades.price),
        "fee_base": decimals(trades.fee, CENT_DIGITS),
        "is_delisting": pa.array(trades.delisting),
    }


def _stacked(
    table: Table, parts: list[dict[str, pa.Array]], outcomes: Sequence[Outcome], business_date: date, run_id: str
) -> pa.Table:
    """The parts below each other, each with the identity of its outcome."""
    best = [outcome for outcome in outcomes if outcome.is_best]
    made = []
    for outcome, part in zip(best, parts, strict=True):
        count = len(next(iter(part.values())))
        identity = {
            "business_date": pa.array([business_date] * count, pa.date32()),
            "strategy": pa.array([outcome.strategy] * count, pa.string()),
            "kind": pa.array([outcome.kind] * count, pa.string()),
            "trial": pa.array([outcome.trial] * count, pa.int32()),
            "run_id": pa.array([run_id] * count, pa.string()),
        }
        columns = {**identity, **part}
        made.append(pa.table([columns[name] for name in table.column_names], schema(table)))
    return pa.concat_tables(made).combine_chunks() if made else schema(table).empty_table()


def decimals(values: FloatArray, digits: int, *, precision: int = 20) -> pa.Array:
    """Rounded numbers as exact decimals; the float's own rounding is below its last digit."""
    rounded: npt.NDArray[np.float64] = np.round(values, digits)
    return pc.round(pc.cast(pa.array(rounded), pa.decimal128(38, 12)), digits).cast(pa.decimal128(precision, digits))


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, sort_keys=True, separators=(",", ":"))
