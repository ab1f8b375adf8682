"""Every method at every confidence and horizon: today's VaR and shortfall, and why one is absent."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from lakehouse.risk.checks import FloatArray
from lakehouse.risk.cube import Exposures, exposures_on_grid, scenario_pnl
from lakehouse.risk.methods import (
    BATCH_METHODS,
    Filtered,
    Method,
    RiskEstimate,
    estimate,
    estimate_filtered,
    estimate_simulated,
    filtered_outcomes,
)
from lakehouse.risk.simulated import SIMULATED, Drawn, drawn_scenarios
from lakehouse.risk.var import cornish_fisher_valid
from lakehouse.risk.volatility import fit_garch
from spark_jobs.var_batch.book import Book
from spark_jobs.var_batch.parameters import Parameters

OUT_OF_DOMAIN = "skewness and kurtosis of the P&L lie outside the domain of the Cornish-Fisher expansion"


@dataclass(frozen=True, slots=True)
class Simulated:
    """Drawn moves of one method over one horizon, and the P&L (P, S) of every portfolio under them."""

    drawn: Drawn
    pnl: FloatArray


@dataclass(frozen=True, slots=True)
class Market:
    """What today is measured from: the P&L (T, P) of today's holdings under the window's returns, oldest first; the
    `simulated` P&L by method and horizon; that of filtered history by horizon; exposures (P, N) on the grid of exact
    products."""

    book: Book
    window: FloatArray
    pnl: FloatArray
    exposures: Exposures
    filtered: Mapping[int, Filtered]
    simulated: Mapping[tuple[Method, int], Simulated]


@dataclass(frozen=True, slots=True)
class Estimated:
    """One method at one confidence and horizon. `columns` (K,) the portfolios, by position, that it can measure:
    `found` has a number for each of these. `reason` says why the others are absent."""

    confidence: Decimal
    horizon_days: int
    found: RiskEstimate
    columns: tuple[int, ...]
    reason: str = ""


def market(book: Book, pnl: FloatArray, parameters: Parameters) -> Market:
    """Today's scenarios: `pnl` (T, P) of all returns of the book, of which the window is measured."""
    window = book.returns[-parameters.window_days :]
    exposures = exposures_on_grid(book.exposures.T)
    simulation = parameters.simulation(book.labels.window(-parameters.window_days, len(book.dates)))
    recent = pnl[-parameters.window_days :]
    model = fit_garch(recent, decay=parameters.conventions.volatility_decay)
    filtered, simulated = {}, {}
    for horizon in parameters.horizons:
        conventions = parameters.over(horizon)
        filtered[horizon] = filtered_outcomes(recent, model, conventions=conventions, simulation=simulation)
        for method in SIMULATED:
            drawn = drawn_scenarios(method, window, simulation, conventions=conventions)
            simulated[method, horizon] = Simulated(drawn, scenario_pnl(drawn.scenarios, exposures))
    return Market(book, window, recent, exposures, filtered, simulated)


def estimates(today: Market, parameters: Parameters) -> Iterator[Estimated]:
    """All of them, by confidence, horizon and method. Raises what lakehouse.risk refuses."""
    for confidence in parameters.levels:
        for horizon in parameters.horizons:
            for method in BATCH_METHODS:
                yield _estimated(method, today, confidence, horizon, parameters)


def _estimated(method: Method, today: Market, confidence: Decimal, horizon: int, parameters: Parameters) -> Estimated:
    conventions = parameters.over(horizon)
    everyone = tuple(range(today.pnl.shape[1]))
    if method in SIMULATED:
        drawn = today.simulated[method, horizon]
        found = estimate_simulated(
            method, drawn.pnl.T, drawn.drawn.origin, confidence=confidence, conventions=conventions
        )
        return Estimated(confidence, horizon, found, everyone)
    if method is Method.FILTERED_HISTORICAL:
        found = estimate_filtered(today.filtered[horizon], confidence=confidence, conventions=conventions)
        return Estimated(confidence, horizon, found, everyone)
    pnl, reason = today.pnl, ""
    if method is Method.CORNISH_FISHER:
        # A portfolio out of the expansion's domain has no number by this method: an absent row, not a wrong one.
        valid = cornish_fisher_valid(pnl, confidence=confidence, ddof=parameters.ddof, horizon_days=horizon)
        everyone = tuple(int(column) for column in np.flatnonzero(valid))
        pnl, reason = pnl[:, valid], OUT_OF_DOMAIN
    found = estimate(method, pnl, confidence=confidence, conventions=conventions)
    return Estimated(confidence, horizon, found, everyone, reason)
