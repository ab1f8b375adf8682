"""Measures as rows of the gold tables."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from lakehouse.contracts.model import Table
from lakehouse.contracts.render.arrow import schema
from lakehouse.contracts.tables.gold import PORTFOLIO_RISK, VAR_BACKTEST
from lakehouse.contracts.tables.risk import UNMEASURED
from spark_jobs.kit.holdings import Portfolio
from spark_jobs.var_batch.book import Book
from spark_jobs.var_batch.estimates import Estimated
from spark_jobs.var_batch.records import Record
from spark_jobs.var_batch.valuation import decimal_column, money, to_cents

BACKTESTED_DAYS = 1
"""The horizon whose forecasts are held against what happened."""


def table_of(table: Table, rows: Iterable[Mapping[str, Any]], business_date: date, run_id: str) -> pa.Table:
    """Rows that lack date and run as the table of the contract."""
    whole = [{**row, "business_date": business_date, "run_id": run_id} for row in rows]
    return pa.Table.from_pylist(whole, schema(table))


def risk_rows(
    book: Book, estimated: Iterable[Estimated], records: Iterable[Record], business_date: date, run_id: str
) -> pa.Table:
    """gold.portfolio_risk_v1: one row a portfolio, method, confidence and horizon that could be measured."""
    by_kind = {(record.method, record.confidence): record for record in records}
    rows = [
        row
        for one in estimated
        for row in _risk(book, one, by_kind[one.found.method, one.confidence] if _is_backtested(one) else None)
    ]
    return table_of(PORTFOLIO_RISK, rows, business_date, run_id)


def unmeasured_rows(book: Book, estimated: Iterable[Estimated], business_date: date, run_id: str) -> pa.Table:
    """gold.risk_unmeasured_v1: one row for each row that gold.portfolio_risk_v1 does not have."""
    rows = [_absent(one, portfolio, reason) for one in estimated for portfolio, reason in _unmeasured(book, one)]
    return table_of(UNMEASURED, rows, business_date, run_id)


def _unmeasured(book: Book, one: Estimated) -> Iterator[tuple[Portfolio, str]]:
    """Who has no number by one method, and why: for what it holds, or for what the method takes."""
    yield from ((holder, holder.reason) for holder in book.unmeasured)
    measured = set(one.columns)
    yield from ((each, one.reason) for column, each in enumerate(book.portfolios) if column not in measured)


def _absent(one: Estimated, portfolio: Portfolio, reason: str) -> dict[str, Any]:
    return {
        "portfolio_id": portfolio.id,
        "portfolio_name": portfolio.name,
        "method": str(one.found.method),
        "confidence": one.confidence,
        "horizon_days": one.horizon_days,
        "reason": reason,
    }


def backtest_rows(book: Book, records: Iterable[Record], business_date: date, run_id: str) -> pa.Table:
    """gold.var_backtest_v1: one row a portfolio, method, confidence and day that had a forecast."""
    tables = [_backtest(book, record, business_date, run_id) for record in records]
    return pa.concat_tables(tables).combine_chunks()


def _is_backtested(one: Estimated) -> bool:
    return one.horizon_days == BACKTESTED_DAYS


def _risk(book: Book, one: Estimated, record: Record | None) -> list[dict[str, Any]]:
    found = one.found
    var, shortfall = to_cents(found.var), to_cents(found.es)
    return [
        {
            "portfolio_id": book.portfolios[column].id,
            "portfolio_name": book.portfolios[column].name,
            "base_currency": book.portfolios[column].base_currency,
            "method": str(found.method),
            "confidence": one.confidence,
            "horizon_days": one.horizon_days,
            "value_base": book.values[column],
            "var_base": money(var[number]),
            "es_base": money(shortfall[number]),
            "convention": found.convention,
            "observations": found.observations,
            "scenarios": found.scenarios,
            "breaches": int(record.backtest.breaches[column]) if record else 0,
            "backtest_days": int(record.backtest.forecasts[column]) if record else 0,
        }
        for number, column in enumerate(one.columns)
    ]


def _backtest(book: Book, record: Record, business_date: date, run_id: str) -> pa.Table:
    test = record.backtest
    day, column = np.nonzero(~np.isnan(test.var))
    count = len(day)
    dates = np.array(book.dates[-len(test.var) :], dtype="datetime64[D]")
    ids = pa.array([portfolio.id for portfolio in book.portfolios])
    values = {
        "business_date": _constant(business_date, count, pa.date32()),
        "portfolio_id": ids.take(pa.array(column)),
        "method": _constant(str(record.method), count, pa.string()),
        "confidence": _constant(record.confidence, count, schema(VAR_BACKTEST).field("confidence").type),
        "forecast_date": pa.array(dates[day]),
        "var_base": decimal_column(test.var[day, column].astype(np.int64)),
        "pnl_base": decimal_column(test.pnl[day, column].astype(np.int64)),
        "is_breach": pa.array(test.breach[day, column]),
        "run_id": _constant(run_id, count, pa.string()),
    }
    return pa.table([values[name] for name in VAR_BACKTEST.column_names], schema=schema(VAR_BACKTEST))


def _constant(value: Any, count: int, type_: pa.DataType) -> pa.Array:
    return pa.repeat(pa.scalar(value, type_), count)
