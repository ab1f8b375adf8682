"""What the tests of a VaR's and a shortfall's record say about every portfolio and method."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from typing import Any

import numpy as np

from lakehouse.risk.breach_tests import (
    christoffersen_coverage,
    christoffersen_independence,
    first_breach,
    kupiec_tuff,
    traffic_light,
    transitions,
)
from lakehouse.risk.checks import FloatArray
from lakehouse.risk.es_backtest import NullModel, acerbi_szekely_z1, acerbi_szekely_z2
from lakehouse.risk.methods import Method
from lakehouse.risk.var_backtest import Backtest, kupiec_pof
from spark_jobs.var_batch.book import Book
from spark_jobs.var_batch.parameters import Parameters
from spark_jobs.var_batch.records import HELD, Record

NORMAL = frozenset({Method.PARAMETRIC_NORMAL, Method.MONTE_CARLO_NORMAL})
FAT_DOF = 5.0
"""Degrees of freedom of daily returns of shares, roughly: what a right model of fat tails is taken to be."""
Rows = Iterator[dict[str, Any]]


def verdicts(book: Book, records: Sequence[Record], parameters: Parameters) -> Rows:
    """A row a portfolio, method and confidence that has at least one forecast, without date and run."""
    for (confidence, is_normal), found in groupby(sorted(records, key=_kind), key=_kind):
        # All methods of one null model stand side by side, for their p-values come from the same simulated records.
        together = _together(list(found))
        yield from _tested(book, together, confidence, is_normal, parameters)


def _kind(record: Record) -> tuple[Decimal, bool]:
    return record.confidence, record.method in NORMAL


@dataclass(frozen=True, slots=True)
class _Together:
    """Columns of several methods' records side by side, without those that have no forecast; `origin` of each column
    is the method and the portfolio's position."""

    backtest: Backtest
    shortfall: FloatArray
    origin: tuple[tuple[Method, int], ...]


def _together(records: Sequence[Record]) -> _Together:
    tests = [record.backtest for record in records]
    var = np.concatenate([test.var for test in tests], axis=1)
    pnl = np.concatenate([test.pnl for test in tests], axis=1)
    breach = np.concatenate([test.breach for test in tests], axis=1)
    shortfall = np.concatenate([record.shortfall for record in records], axis=1)
    origin = [(record.method, column) for record in records for column in range(record.shortfall.shape[1])]
    kept = np.flatnonzero((~np.isnan(var)).any(axis=0))
    test = Backtest(var[:, kept], pnl[:, kept], breach[:, kept])
    return _Together(test, shortfall[:, kept], tuple(origin[place] for place in kept))


def _tested(book: Book, found: _Together, confidence: Decimal, is_normal: bool, parameters: Parameters) -> Rows:
    test = found.backtest
    pof = kupiec_pof(test.breaches, test.forecasts, confidence=confidence)
    tuff = kupiec_tuff(test, confidence=confidence)
    apart = christoffersen_independence(transitions(test))
    coverage = christoffersen_coverage(test, confidence=confidence)
    light = traffic_light(test.breaches, test.forecasts, confidence=confidence)
    null = NullModel(parameters.seed, dof=None if is_normal else FAT_DOF)
    depth = _depth(found, confidence, null)
    first = first_breach(test)
    for place, (method, column) in enumerate(found.origin):
        days = int(test.forecasts[place])
        yield {
            "portfolio_id": book.portfolios[column].id,
            "portfolio_name": book.portfolios[column].name,
            "method": str(method),
            "confidence": confidence,
            "forecasts": days,
            "breaches": int(test.breaches[place]),
            "expected_breaches": float(days * (1 - confidence)),
            "pof_statistic": float(pof.statistic[place]),
            "pof_p_value": float(pof.p_value[place]),
            "first_breach_day": int(first[place]),
            "tuff_statistic": float(tuff.statistic[place]),
            "tuff_p_value": float(tuff.p_value[place]),
            "independence_statistic": float(apart.statistic[place]),
            "independence_p_value": float(apart.p_value[place]),
            "coverage_statistic": float(coverage.statistic[place]),
            "coverage_p_value": float(coverage.p_value[place]),
            "zone": str(light.zone[place]),
            "cumulative_probability": float(light.cumulative[place]),
            "multiplier": float(light.multiplier[place]),
            **{name: None if np.isnan(values[place]) else float(values[place]) for name, values in depth.items()},
            "null_model": "normal" if is_normal else f"student_t,dof={FAT_DOF:g}",
            "refit_days": parameters.refit_days if method in HELD else 1,
        }


def _depth(found: _Together, confidence: Decimal, null: NullModel) -> dict[str, FloatArray]:
    """Both tests of the shortfall; NaN for a record with a forecast that is no loss, which they cannot judge."""
    test = found.backtest
    known = ~np.isnan(test.var)
    fit = np.flatnonzero((~known | (np.nan_to_num(found.shortfall) > 0)).all(axis=0))
    told = {name: np.full(len(found.origin), np.nan) for name in ("z1", "z1_p_value", "z2", "z2_p_value")}
    if len(fit):
        record = Backtest(test.var[:, fit], test.pnl[:, fit], test.breach[:, fit])
        for name, judge in (("z1", acerbi_szekely_z1), ("z2", acerbi_szekely_z2)):
            result = judge(record, found.shortfall[:, fit], confidence=confidence, null=null)
            told[name][fit], told[f"{name}_p_value"][fit] = result.statistic, result.p_value
    return told
