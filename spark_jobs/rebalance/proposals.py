"""Proposals of a business date: the market of each portfolio out of one table of closes, and the pure proposal."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.construction.estimate import Estimator, market
from lakehouse.construction.model import ConstructionError, Market
from lakehouse.construction.proposal import Proposal, ProposalStatus, RiskOfWeights
from lakehouse.construction.propose import Foreign, Holdings, propose
from lakehouse.construction.regime import Regime, RegimeReading, read_regime
from lakehouse.portfolio.fx import Rates
from lakehouse.risk.checks import FloatArray, InsufficientHistory, RiskError
from lakehouse.risk.returns import DateArray, align, comparable, simple_returns, unbroken
from ml.inference.regime import read_model
from spark_jobs.kit.holdings import Unmeasured
from spark_jobs.kit.rates import NO_RATES, rate_on, rates_on
from spark_jobs.rebalance.parameters import Due, RegimeModel, Windows

PRICE, ONE = Decimal("0.00000001"), Decimal(1)
NO_CONTRACTS: Mapping[str, Decimal] = MappingProxyType({})
NO_RISK = RiskOfWeights(0.0, 0.0, 0.0)
UNKNOWN = RegimeReading(Regime.SIDEWAYS, "default:too_little_history", 1.0, 1.0, 0.0)


class NotComputable(ConstructionError):
    """One portfolio cannot be proposed for; the message says why and what to do. The others are."""


@dataclass(frozen=True, slots=True)
class Closes:
    """Closes of an instrument without a gap: `dates` (M,) ascending days; `prices` (M,), of which the last one is the
    `last` close and the others are adjusted for corporate actions; their currency; units that one contract is of."""

    dates: DateArray
    prices: FloatArray
    last: Decimal
    currency: str
    multiplier: Decimal = ONE


def by_symbol(rows: pa.Table, multipliers: Mapping[str, Decimal] = NO_CONTRACTS) -> dict[str, Closes]:
    """Rows of gold.returns_daily_v1 (symbol, business_date, previous_date, currency, close, simple_return), in any
    order, as the closes of each symbol since it last began anew, comparable with its last one. `multipliers` of the
    symbols that are contracts of several units."""
    keys = {
        "symbols": rows["symbol"].to_numpy(),
        "dates": rows["business_date"].to_numpy(),
        "previous": rows["previous_date"].to_numpy(),
    }
    prices = pc.cast(rows["close"], pa.float64()).to_numpy()
    levels = comparable(**keys, prices=prices, returns=rows["simple_return"].to_numpy())
    ordered = (
        rows.append_column("level", pa.array(levels))
        .filter(pa.array(unbroken(**keys)))
        .sort_by([("symbol", "ascending"), ("business_date", "ascending")])
        .combine_chunks()
    )
    symbols = ordered["symbol"].to_numpy(zero_copy_only=False).astype(str)
    bounds = [*np.flatnonzero(np.concatenate([[True], symbols[1:] != symbols[:-1]])[: len(symbols)]), len(symbols)]
    return {str(symbols[a]): _closes(ordered.slice(a, b - a), multipliers) for a, b in pairwise(bounds)}


def _closes(rows: pa.Table, multipliers: Mapping[str, Decimal]) -> Closes:
    return Closes(
        rows["business_date"].to_numpy(zero_copy_only=False).astype("datetime64[D]"),
        rows["level"].to_numpy(),
        rows["close"][-1].as_py(),
        rows["currency"][-1].as_py(),
        multipliers.get(rows["symbol"][0].as_py(), ONE),
    )


def market_regime(closes: Mapping[str, Closes], windows: Windows, model: RegimeModel | None = None) -> RegimeReading:
    """The regime of all instruments in equal weights, by the model where there is one, otherwise by the rule; sideways,
    with that for a source, where history is too short.

    Each day's move is the mean of the simple returns of all instruments that have a close on it and one before.
    """
    days = np.concatenate([found.dates[1:] for found in closes.values()] or [np.empty(0, "datetime64[D]")])
    moves = np.concatenate([found.prices[1:] / found.prices[:-1] - 1 for found in closes.values()] or [np.empty(0)])
    calendar, place = np.unique(days, return_inverse=True)
    if not len(calendar):
        return UNKNOWN
    mean = np.bincount(place, weights=moves) / np.bincount(place)
    index = np.concatenate([[1.0], np.cumprod(1 + mean[-windows.regime_days :])])
    try:
        if model is not None:
            return read_model(model.chain, np.diff(np.log(index)), source=model.source)
        return read_regime(index)
    except InsufficientHistory:
        return UNKNOWN


def proposal_of(
    due: Due,
    units: Mapping[str, Decimal],
    closes: Mapping[str, Closes],
    reading: RegimeReading,
    business_date: date,
    windows: Windows,
    rates: Rates = NO_RATES,
) -> Proposal:
    """The proposal for one portfolio; one that cannot be computed is refused with the reason, and stops no other."""
    symbols = tuple(sorted(set(units) | due.policy.wanted_symbols()))
    try:
        usable = _usable(symbols, closes, business_date)
        _refuse_foreign_shorts(units, usable, due.currency)
        worth = {symbol: _in_base(found, due.currency, rates, business_date) for symbol, found in usable.items()}
        holdings = Holdings(
            due.portfolio_id,
            business_date,
            due.currency,
            due.cash,
            units,
            worth,
            due.lots,
            due.kept,
            due.coming,
            due.lot_method,
            _foreign(usable, due.currency),
            due.shorts,
            due.may_short,
        )
        return propose(holdings, due.policy, _market(usable, windows, due.currency, rates), reading)
    except (ConstructionError, RiskError, Unmeasured) as error:
        return _refused(due, reading, business_date, str(error))


def _usable(symbols: tuple[str, ...], closes: Mapping[str, Closes], day: date) -> dict[str, Closes]:
    if not symbols:
        raise NotComputable("nothing is held and the policy's universe is empty: name what may be bought")
    missing = [s for s in symbols if s not in closes or closes[s].dates[-1] != np.datetime64(day)]
    if missing:
        raise NotComputable(f"no close on {day} of {', '.join(missing)}: ingest the bars, or leave them out")
    if several := [s for s in symbols if closes[s].multiplier != 1]:
        # Their prices, costs and lots would have to be those of contracts, and their margins be known.
        raise NotComputable(f"contracts of several units are not rebalanced: close, or leave out, {', '.join(several)}")
    return {symbol: closes[symbol] for symbol in symbols}


def _refuse_foreign_shorts(units: Mapping[str, Decimal], usable: Mapping[str, Closes], base: str) -> None:
    """What such a sale brought, and what is kept back for it, is cash of the other currency, which is not counted."""
    if owed := sorted(s for s, count in units.items() if count < 0 and usable[s].currency != base):
        raise NotComputable(f"sold short in another currency than {base}: {', '.join(owed)}: buy it back first")


def _in_base(found: Closes, base: str, rates: Rates, day: date) -> Decimal:
    """The last close in `base`, with the digits that a price has."""
    if found.currency == base:
        return found.last
    return (found.last * rate_on(rates, (found.currency, base), day)).quantize(PRICE)


def _foreign(usable: Mapping[str, Closes], base: str) -> dict[str, Foreign]:
    return {s: Foreign(found.currency, found.last) for s, found in usable.items() if found.currency != base}


def _market(usable: Mapping[str, Closes], windows: Windows, base: str, rates: Rates) -> Market:
    """Returns in `base`: those of price and exchange rate together."""
    aligned = align(
        symbols=np.concatenate([[symbol] * len(found.dates) for symbol, found in usable.items()]),
        dates=np.concatenate([found.dates for found in usable.values()]),
        prices=np.concatenate([found.prices for found in usable.values()]),
        required=windows.window_days + 1,
    )
    prices, days = aligned.prices[-windows.window_days - 1 :], aligned.dates[-windows.window_days - 1 :].tolist()
    for column, symbol in enumerate(aligned.symbols):
        if (currency := usable[symbol].currency) != base:
            prices[:, column] *= rates_on(rates, (currency, base), days)
    return market(aligned.symbols, simple_returns(prices), Estimator(windows.estimator))


def _refused(due: Due, reading: RegimeReading, day: date, reason: str) -> Proposal:
    return Proposal(
        portfolio_id=due.portfolio_id,
        business_date=day,
        currency=due.currency,
        status=ProposalStatus.REFUSED,
        reasons=(reason,),
        regime=reading.regime,
        regime_source=reading.source,
        objective=due.policy.aims[reading.regime].objective,
        value=Decimal(0),
        cash_before=due.cash,
        cash_after=due.cash,
        trades=(),
        lines=(),
        drift_before=0.0,
        drift_after=0.0,
        turnover=0.0,
        cost=Decimal(0),
        tax=Decimal(0),
        risk_before=NO_RISK,
        risk_after=NO_RISK,
        lots_method="none",
        solver="none",
        conventions="",
        versions={},
    )
