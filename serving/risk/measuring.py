"""Risk of one portfolio from its holdings and closes, by the functions that the batch uses. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext

import numpy as np

from lakehouse.domain.money import DIGITS, cents, float_cents
from lakehouse.portfolio.fx import Rates
from lakehouse.quality.actions import Action, ActionRefused
from lakehouse.risk import (
    Conventions,
    Labels,
    Method,
    RiskError,
    RiskEstimate,
    Simulation,
    simple_returns,
)
from lakehouse.risk.checks import FloatArray
from lakehouse.risk.holdings import estimate_holdings
from serving.risk.history import Closes, NotComputable, common_history, in_base

SEED = 20_221_228  # the batch's, with the same labels: the same instrument and day have the same numbers
SCENARIOS = 10_000
NO_RATES = Rates(())


@dataclass(frozen=True, slots=True)
class Holding:
    """Units of an instrument; negative is short."""

    symbol: str
    currency: str
    multiplier: Decimal
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked for."""

    method: Method
    confidence: Decimal
    horizon_days: int
    window_days: int


@dataclass(frozen=True, slots=True)
class Found:
    """The risk as of `business_date`, amounts in whole cents of the base currency; a positive VaR or ES is a loss."""

    business_date: date
    first_date: date
    value: Decimal
    value_at_risk: Decimal
    expected_shortfall: Decimal
    convention: str
    observations: int
    scenarios: int
    instruments: int
    dropped_dates: int


def compute(
    holdings: Sequence[Holding],
    closes: Mapping[str, Closes],
    base_currency: str,
    ask: Ask,
    *,
    actions: Sequence[Action] = (),
    rates: Rates = NO_RATES,
) -> Found:
    """Measure today's holdings under past returns. Raises NotComputable.

    `actions` of companies between two closes are no gain and no loss: returns are those of adjusted closes.
    As the batch: dates that not every instrument has are left out before returns are taken, cash carries no risk,
    and an instrument of another currency moves with its price and the exchange rate together.
    """
    _require_measurable(holdings, closes)
    try:
        return _compute(holdings, closes, base_currency, ask, actions, rates)
    except (RiskError, ActionRefused) as error:
        raise NotComputable("risk_not_computable", f"{error}.") from error


def _require_measurable(holdings: Sequence[Holding], closes: Mapping[str, Closes]) -> None:
    if not holdings:
        raise NotComputable(
            "nothing_held", "The portfolio holds no position: that is no risk of zero, but none to measure."
        )
    missing = sorted(each.symbol for each in holdings if each.symbol not in closes)
    if missing:
        raise NotComputable(
            "history_missing",
            f"There is no daily close of {', '.join(missing[:10])}: ingest daily bars; options and bonds without any "
            "are measured by POST /api/v1/risk-metrics/revalue.",
        )


def _compute(
    holdings: Sequence[Holding],
    closes: Mapping[str, Closes],
    base: str,
    ask: Ask,
    actions: Sequence[Action],
    rates: Rates,
) -> Found:
    ordered = sorted(holdings, key=lambda each: each.symbol)
    local = common_history([closes[each.symbol] for each in ordered], actions, window_days=ask.window_days)
    history = in_base(local, [each.currency for each in ordered], base, rates)
    with localcontext(prec=DIGITS):
        lines = [each.quantity * close * each.multiplier for each, close in zip(ordered, history.last, strict=True)]
    exposures = np.array([[float(line)] for line in lines])
    labels = Labels.of(history.symbols, history.days[1:])
    found = _estimate(simple_returns(history.levels), exposures, labels, ask)
    return Found(
        business_date=history.days[-1],
        first_date=history.days[0],
        value=_summed(lines),
        value_at_risk=float_cents(float(found.var[0])),
        expected_shortfall=float_cents(float(found.es[0])),
        convention=found.convention,
        observations=found.observations,
        scenarios=found.scenarios,
        instruments=len(ordered),
        dropped_dates=history.dropped,
    )


def _estimate(returns: FloatArray, exposures: FloatArray, labels: Labels, ask: Ask) -> RiskEstimate:
    return estimate_holdings(
        ask.method,
        returns,
        exposures,
        confidence=ask.confidence,
        simulation=Simulation(SEED, SCENARIOS, labels=labels),
        conventions=Conventions(horizon_days=ask.horizon_days),
    )


def _summed(amounts: Sequence[Decimal]) -> Decimal:
    with localcontext(prec=DIGITS):
        return cents(sum(amounts, Decimal(0)))
