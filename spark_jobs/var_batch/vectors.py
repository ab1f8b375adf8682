"""Scenario P&L as it is kept: one vector a portfolio and factor set, and the worst of each by name."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from lakehouse.risk.checks import FloatArray
from lakehouse.risk.methods import Method
from lakehouse.risk.monte_carlo import Simulation
from lakehouse.risk.vectors import worst_scenarios
from spark_jobs.var_batch.estimates import Market
from spark_jobs.var_batch.parameters import Parameters
from spark_jobs.var_batch.valuation import money, to_cents

HORIZON_DAYS = 1


@dataclass(frozen=True, slots=True)
class FactorSet:
    """Outcomes (P, S) of one set of scenarios: drawn by `simulation`, or of history on the `dates` (S,)."""

    name: str
    pnl: FloatArray
    simulation: Simulation | None = None
    dates: tuple[date, ...] = ()


def factor_sets(today: Market) -> Iterator[FactorSet]:
    """History, and every drawn set, of one day."""
    yield FactorSet(str(Method.HISTORICAL), today.pnl.T, dates=today.book.dates[-len(today.pnl) :])
    for (method, horizon), found in today.simulated.items():
        if horizon == HORIZON_DAYS:
            yield FactorSet(str(method), found.pnl, simulation=found.drawn.origin.simulation)


def vector_rows(today: Market) -> Iterator[dict[str, Any]]:
    """Rows of gold.scenario_pnl_v1 without date and run."""
    for found in factor_sets(today):
        drawn = found.simulation
        for column, portfolio in enumerate(today.book.portfolios):
            yield {
                "portfolio_id": portfolio.id,
                "base_currency": portfolio.base_currency,
                "factor_set": found.name,
                "horizon_days": HORIZON_DAYS,
                "seed": drawn and drawn.seed,
                "stream": drawn and drawn.stream,
                "block_rows": drawn and drawn.block_rows,
                "scenarios": found.pnl.shape[1],
                "pnl_vector": vector(found.pnl[column]),
            }


def worst_rows(today: Market, parameters: Parameters) -> Iterator[dict[str, Any]]:
    """Rows of gold.worst_scenarios_v1 without date and run."""
    for found in factor_sets(today):
        worst = worst_scenarios(found.pnl.T, count=min(parameters.worst, found.pnl.shape[1]))
        cents = to_cents(worst.pnl)
        for column, portfolio in enumerate(today.book.portfolios):
            for place, scenario in enumerate(worst.scenario[:, column].tolist()):
                yield {
                    "portfolio_id": portfolio.id,
                    "base_currency": portfolio.base_currency,
                    "factor_set": found.name,
                    "horizon_days": HORIZON_DAYS,
                    "place": place + 1,
                    "scenario": scenario,
                    "scenario_date": found.dates[scenario] if found.dates else None,
                    "pnl_base": money(cents[place, column]),
                }


def vector(pnl: FloatArray) -> bytes:
    """(S,) as float64, little-endian."""
    return np.ascontiguousarray(pnl, dtype="<f8").tobytes()


def outcomes(row: Mapping[str, Any]) -> FloatArray:
    """The vector of a row of gold.scenario_pnl_v1: (scenarios,)."""
    return np.frombuffer(row["pnl_vector"], dtype="<f8")
