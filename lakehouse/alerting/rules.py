"""What a user wants to be told: kinds of rules, their limits, and the state that a user sees."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from lakehouse.errors import TidemarkError


class AlertingError(TidemarkError):
    """Rules, books or ticks that contradict themselves."""


class BadRule(AlertingError):
    """A rule that could never be judged, or always."""


class Family(StrEnum):
    """What a rule watches, and so what its subject is."""

    POSITION = "position"
    SYMBOL = "symbol"
    PORTFOLIO = "portfolio"


class Kind(StrEnum):
    """When a rule is broken.

    A position's stop-loss and take-profit are prices against and for it, whichever way it is held; a trailing stop is a
    share of the best price since it was set; price above and below are of the symbol, held or not.
    A portfolio's equity is its cash and what its positions are worth; drawdown is a share of its highest equity, daily
    loss of the equity at which the day was opened, the others of equity now, or amounts of its currency.
    Of a symbol: a bid above the ask, and seconds without a tick while others had some.
    """

    STOP_LOSS = "stop_loss"
    TAKE_PROFIT = "take_profit"
    TRAILING_STOP = "trailing_stop"
    PRICE_ABOVE = "price_above"
    PRICE_BELOW = "price_below"
    DRAWDOWN = "drawdown"
    DAILY_LOSS = "daily_loss"
    GROSS_EXPOSURE = "gross_exposure"
    CONCENTRATION = "concentration"
    VAR_BATCH = "var_batch"
    VAR_LIVE = "var_live"
    CROSSED_QUOTE = "crossed_quote"
    STALE_QUOTE = "stale_quote"


class State(StrEnum):
    """Where a rule stands: it watches, was broken, was broken and seen by its owner, or is not judged."""

    ACTIVE = "active"
    TRIGGERED = "triggered"
    ACKNOWLEDGED = "acknowledged"
    PAUSED = "paused"


OF_PRICE: Final = (Kind.STOP_LOSS, Kind.TAKE_PROFIT, Kind.TRAILING_STOP, Kind.PRICE_ABOVE, Kind.PRICE_BELOW)
OF_PORTFOLIO: Final = (
    Kind.DRAWDOWN,
    Kind.DAILY_LOSS,
    Kind.GROSS_EXPOSURE,
    Kind.CONCENTRATION,
    Kind.VAR_BATCH,
    Kind.VAR_LIVE,
)
OF_QUOTE: Final = (Kind.CROSSED_QUOTE, Kind.STALE_QUOTE)
OF_POSITION: Final = frozenset({Kind.STOP_LOSS, Kind.TAKE_PROFIT, Kind.TRAILING_STOP})
AS_AMOUNT: Final = frozenset({Kind.DAILY_LOSS, Kind.GROSS_EXPOSURE, Kind.CONCENTRATION, Kind.VAR_BATCH, Kind.VAR_LIVE})
_SHARES: Final = frozenset({Kind.TRAILING_STOP, Kind.DRAWDOWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule on one subject: a symbol, a portfolio, or the position of a portfolio in a symbol.

    `limit`: a price, a share (0.1 is 10 %), seconds, or with `is_amount` units of the portfolio's currency; of a
    crossed quote it means nothing. Once broken, a rule is quiet until its value is back by the share `hysteresis` of
    the limit, and then armed again unless it is to fire `once`. It fires no sooner than `cool_down_us` of event time
    after it last did; what is still broken then, fires then.
    """

    id: str
    kind: Kind
    limit: float = math.nan
    symbol: str | None = None
    portfolio: str | None = None
    is_amount: bool = False
    hysteresis: float = 0.0
    cool_down_us: int = 0
    once: bool = False

    def __post_init__(self) -> None:
        needs_symbol, needs_portfolio = self.family is not Family.PORTFOLIO, self.family is not Family.SYMBOL
        if (self.symbol is not None) != needs_symbol or (self.portfolio is not None) != needs_portfolio:
            raise BadRule(f"{self.id}: {self.kind} is a rule of a {self.family}: name that, and nothing else")
        if self.kind is not Kind.CROSSED_QUOTE and not 0 < self.limit < math.inf:
            raise BadRule(f"{self.id}: the limit of {self.kind} is {self.limit}: it must be positive and finite")
        if self.kind in _SHARES and self.limit >= 1:
            raise BadRule(f"{self.id}: the limit of {self.kind} is a share below 1, not {self.limit}")
        if self.is_amount and self.kind not in AS_AMOUNT:
            raise BadRule(f"{self.id}: the limit of {self.kind} is no amount")
        if not 0 <= self.hysteresis < 1 or self.cool_down_us < 0:
            raise BadRule(f"{self.id}: hysteresis is a share below 1, cool_down_us not negative")

    @property
    def family(self) -> Family:
        if self.kind in OF_POSITION:
            return Family.POSITION
        return Family.PORTFOLIO if self.kind in OF_PORTFOLIO else Family.SYMBOL

    @property
    def subject(self) -> str:
        """The symbol, the portfolio, or `portfolio:symbol` of a position."""
        return ":".join(part for part in (self.portfolio, self.symbol) if part is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """A rule that was broken: once by (`rule_id`, `subject`, `sequence`), whatever is replayed.

    `row` is the tick of the batch that did it, `at_us` its event time; -1 and the beat's time where time alone did.
    `value` went over, or under, `bound`: prices, seconds, or units of the portfolio's currency.
    """

    rule_id: str
    subject: str
    sequence: int
    kind: Kind
    at_us: int
    row: int
    value: float
    bound: float

    @property
    def key(self) -> tuple[str, str, int]:
        return self.rule_id, self.subject, self.sequence
