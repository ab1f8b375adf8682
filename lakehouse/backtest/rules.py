"""The conventions of a backtest, all of which stand in its result: fills, costs, credit."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any

from lakehouse.backtest.market import BacktestError

TRADING_DAYS = 252


class BadRules(BacktestError):
    """Rules outside their range."""


class Fill(StrEnum):
    """Where an order that was decided at the close of day t is filled: always on day t + 1."""

    NEXT_OPEN = "next_open"
    NEXT_CLOSE = "next_close"


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What trading costs. A commission is `commission_bps` of the amount plus `per_share` a unit, at least `minimum` an
    order, in the currency of the prices.

    The price is worse by `half_spread_bps` and by `impact` times daily volatility times the square root of the order's
    share of average daily volume (the square-root law), both measured up to the day of the decision.
    """

    commission_bps: float = 0.0
    per_share: float = 0.0
    minimum: float = 0.0
    half_spread_bps: float = 0.0
    impact: float = 0.0

    def __post_init__(self) -> None:
        if min(asdict(self).values()) < 0:
            raise BadRules("costs are zero or positive")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How a backtest is run.

    `max_gross` bounds long plus short value as a share of equity, whenever a position is opened: at 1 cash is never
    negative and the proceeds of a short sale buy nothing. `lot` is the smallest tradable quantity, 0 for fractions.
    `max_volume_share` fills at most that share of the day's volume, 0 without a bound; the rest of the order lapses.
    `borrow_rate` is paid a year on short value, `margin_spread` a year above the cash rate on negative cash; cash that
    secures shorts earns nothing. `min_trade` leaves out orders of less than that amount.
    """

    initial_cash: float = 1_000_000.0
    fill: Fill = Fill.NEXT_OPEN
    costs: Costs = field(default_factory=Costs)
    max_gross: float = 1.0
    lot: float = 0.0
    max_volume_share: float = 0.0
    borrow_rate: float = 0.0
    margin_spread: float = 0.0
    min_trade: float = 0.0

    def __post_init__(self) -> None:
        if self.initial_cash <= 0 or self.max_gross <= 0:
            raise BadRules("initial_cash and max_gross are positive")
        if min(self.lot, self.max_volume_share, self.borrow_rate, self.margin_spread, self.min_trade) < 0:
            raise BadRules("lot, max_volume_share, borrow_rate, margin_spread and min_trade are zero or positive")

    def document(self) -> dict[str, str | float]:
        """Every convention, by name: plain values, which `rules_of` reads."""
        costs = asdict(self.costs)
        own = {name: value for name, value in asdict(self).items() if name != "costs"}
        return {**own, **costs, "fill": str(self.fill)}


def rules_of(document: Mapping[str, Any]) -> Rules:
    """The rules whose document this is. Raises BadRules."""
    told = dict(document)
    try:
        costs = Costs(**{each.name: told.pop(each.name) for each in fields(Costs)})
        return Rules(costs=costs, fill=Fill(told.pop("fill")), **told)
    except (KeyError, TypeError, ValueError) as error:
        raise BadRules(f"{document} are no rules of a backtest: {error}") from error
