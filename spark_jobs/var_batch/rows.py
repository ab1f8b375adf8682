"""Measures as rows of the gold tables."""

from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

from lakehouse.contracts.render.arrow import schema
from lakehouse.contracts.tables.gold import PORTFOLIO_RISK, VAR_BACKTEST
from spark_jobs.var_batch.book import Book
from spark_jobs.var_batch.measure import Measured
from spark_jobs.var_batch.valuation import decimal_column, to_cents

CENTS = Decimal(100)
HORIZON_DAYS = 1


def risk_rows(book: Book, measured: tuple[Measured, ...], business_date: date, run_id: str) -> pa.Table:
    """gold.portfolio_risk_v1: one row a portfolio, method and confidence that could be measured."""
    rows = [row for found in measured for row in _risk(book, found, business_date, run_id)]
    return pa.Table.from_pylist(rows, schema(PORTFOLIO_RISK))


def backtest_rows(book: Book, measured: tuple[Measured, ...], business_date: date, run_id: str) -> pa.Table:
    """gold.var_backtest_v1: one row a portfolio, method, confidence and day that had a forecast."""
    tables = [_backtest(book, found, business_date, run_id) for found in measured]
    return pa.concat_tables(tables).combine_chunks()


def _risk(book: Book, found: Measured, business_date: date, run_id: str) -> list[dict[str, Any]]:
    today = found.today
    var, shortfall = to_cents(today.var).tolist(), to_cents(today.es).tolist()
    breaches, days = found.backtest.breaches.tolist(), found.backtest.forecasts.tolist()
    return [
        {
            "business_date": business_date,
            "portfolio_id": book.portfolios[column].id,
            "portfolio_name": book.portfolios[column].name,
            "base_currency": book.portfolios[column].base_currency,
            "method": str(today.method),
            "confidence": found.confidence,
            "horizon_days": HORIZON_DAYS,
            "value_base": book.values[column],
            "var_base": Decimal(var[number]) / CENTS,
            "es_base": Decimal(shortfall[number]) / CENTS,
            "convention": today.convention,
            "observations": today.observations,
            "scenarios": today.scenarios,
            "breaches": breaches[column],
            "backtest_days": days[column],
            "run_id": run_id,
        }
        for number, column in enumerate(found.columns)
    ]


def _backtest(book: Book, found: Measured, business_date: date, run_id: str) -> pa.Table:
    test = found.backtest
    day, column = np.nonzero(~np.isnan(test.var))
    count = len(day)
    dates = np.array(book.dates[-len(test.var) :], dtype="datetime64[D]")
    ids = pa.array([portfolio.id for portfolio in book.portfolios])
    values = {
        "business_date": _constant(business_date, count, pa.date32()),
        "portfolio_id": ids.take(pa.array(column)),
        "method": _constant(str(found.today.method), count, pa.string()),
        "confidence": _constant(found.confidence, count, schema(VAR_BACKTEST).field("confidence").type),
        "forecast_date": pa.array(dates[day]),
        "var_base": decimal_column(test.var[day, column].astype(np.int64)),
        "pnl_base": decimal_column(test.pnl[day, column].astype(np.int64)),
        "is_breach": pa.array(test.breach[day, column]),
        "run_id": _constant(run_id, count, pa.string()),
    }
    return pa.table([values[name] for name in VAR_BACKTEST.column_names], schema=schema(VAR_BACKTEST))


def _constant(value: Any, count: int, type_: pa.DataType) -> pa.Array:
    return pa.repeat(pa.scalar(value, type_), count)
