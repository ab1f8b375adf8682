"""What alert rules look like on the wire: one form for each family of kinds, told apart by `kind`."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from lakehouse.alerting.rules import Kind, State
from lakehouse.stores.alerting import Severity
from serving.kit.crud.listing import ListQuery
from serving.kit.patch import MergePatch
from serving.kit.types import (
    BelowOne,
    Flag,
    LongText,
    Omittable,
    Optionally,
    PositiveAmount,
    PositiveBelowOne,
    Price,
    Symbol,
    number_only,
)

YEAR_S: Final = 365 * 24 * 3600

CoolDown = Annotated[int, Field(ge=0, le=YEAR_S), BeforeValidator(number_only)]

PORTFOLIO = Field(description="portfolio of yours")
PRICE = "price, in the instrument's currency"
SYMBOL = Field(description="instrument; GET /api/v1/instruments lists them", examples=["AAPL"])
HYSTERESIS = "share of the limit by which the value must be back before the rule is armed again"
COOL_DOWN = "seconds of market time after which it may fire again"
ONCE = "true: it fires once, until you arm it again"
AMOUNT = "true: the limit is an amount of the portfolio's currency; false: a share of its equity (0.1 is 10 %)"
LIMIT = "a price, a share (0.1 is 10 %), seconds, or an amount of the portfolio's currency, as the kind has it"


class _Base(BaseModel):
    """What every rule says."""

    model_config = ConfigDict(extra="forbid")

    hysteresis: BelowOne = Field(Decimal("0.005"), description=HYSTERESIS)
    cool_down_s: CoolDown = Field(60, description=COOL_DOWN)
    once: Flag = Field(False, description=ONCE)
    severity: Omittable[Severity] = Field(None, description="how much it matters; left out, as its kind usually does")
    note: LongText = Field("", description="your remark")


class PositionRuleIn(_Base):
    """A price against (stop-loss) or for (take-profit) a position, whichever way it is held."""

    kind: Literal[Kind.STOP_LOSS, Kind.TAKE_PROFIT]
    portfolio_id: UUID = PORTFOLIO
    symbol: Symbol = SYMBOL
    limit_value: Price = Field(description=PRICE, examples=["120"])


class TrailingStopIn(_Base):
    """A share of the best price since the rule was set, armed again, or the position turned."""

    kind: Literal[Kind.TRAILING_STOP]
    portfolio_id: UUID = PORTFOLIO
    symbol: Symbol = SYMBOL
    limit_value: PositiveBelowOne = Field(description="share of the best price")


class PriceRuleIn(_Base):
    """A price of a symbol, held or not."""

    kind: Literal[Kind.PRICE_ABOVE, Kind.PRICE_BELOW]
    symbol: Symbol = SYMBOL
    limit_value: Price = Field(description=PRICE, examples=["150"])


class DrawdownIn(_Base):
    """A share of the portfolio's highest equity that it may fall below it."""

    kind: Literal[Kind.DRAWDOWN]
    portfolio_id: UUID = PORTFOLIO
    limit_value: PositiveBelowOne = Field(description="share of the highest equity")


class PortfolioRuleIn(_Base):
    """A portfolio's loss of the day, exposure, largest position, or value at risk, the batch's or of now."""

    kind: Literal[Kind.DAILY_LOSS, Kind.GROSS_EXPOSURE, Kind.CONCENTRATION, Kind.VAR_BATCH, Kind.VAR_LIVE]
    portfolio_id: UUID = PORTFOLIO
    limit_value: PositiveAmount = Field(description="share of the equity, or an amount", examples=["0.05"])
    is_amount: Flag = Field(False, description=AMOUNT)


class CrossedQuoteIn(_Base):
    """A bid above the ask."""

    kind: Literal[Kind.CROSSED_QUOTE]
    symbol: Symbol = SYMBOL


class StaleQuoteIn(_Base):
    """No tick of a symbol while others had some."""

    kind: Literal[Kind.STALE_QUOTE]
    symbol: Symbol = SYMBOL
    limit_value: Price = Field(description="seconds without a tick", examples=["30"])


AnyRuleIn = PositionRuleIn | TrailingStopIn | PriceRuleIn | DrawdownIn | PortfolioRuleIn | CrossedQuoteIn | StaleQuoteIn
AlertRuleIn = Annotated[AnyRuleIn, Field(discriminator="kind")]


class AlertRulePatch(MergePatch):
    """A change of a rule; what it is about stays. A change of what is judged arms it anew."""

    limit_value: Optionally[PositiveAmount] = Field(None, description=LIMIT)
    is_amount: Optionally[Flag] = Field(None, description=AMOUNT)
    hysteresis: Optionally[BelowOne] = Field(None, description=HYSTERESIS)
    cool_down_s: Optionally[CoolDown] = Field(None, description=COOL_DOWN)
    once: Optionally[Flag] = Field(None, description=ONCE)
    severity: Optionally[Severity] = Field(None, description="how much it matters")
    note: Optionally[LongText] = Field(None, description="your remark")


class AlertRuleOut(BaseModel):
    """What is watched, and how it stands."""

    id: UUID = Field(description="UUIDv7")
    owner_id: UUID = Field(description="user that owns it")
    portfolio_id: UUID | None = Field(description="portfolio; null of a rule on a symbol")
    symbol: Symbol | None = Field(description="instrument; null of a rule on a portfolio")
    kind: Kind = Field(description="when it is broken")
    limit_value: PositiveAmount | None = Field(description=LIMIT + "; null of a crossed quote")
    is_amount: bool = Field(description=AMOUNT)
    hysteresis: BelowOne = Field(description=HYSTERESIS)
    cool_down_s: int = Field(description=COOL_DOWN)
    once: bool = Field(description=ONCE)
    severity: Severity = Field(description="how much it matters")
    state: State = Field(
        description="active; triggered, with an alert that you have not acknowledged; acknowledged, until it fires "
        "again or you arm it; paused. While it is not paused, the rule arms itself as `hysteresis` and `once` say"
    )
    last_alert_id: UUID | None = Field(description="its newest alert; null before the first")
    last_alert_at: datetime | None = Field(description="event time of that")
    arming: int = Field(description="goes up by one each time that its owner arms it")
    armed_at: datetime = Field(description="when that was last")
    note: str = Field(description="the owner's remark")
    version: int = Field(description="goes up by one with each change; the ETag")
    created_at: datetime = Field(description="when it was made")
    updated_at: datetime = Field(description="when it last changed")


class AlertRuleQuery(ListQuery):
    """The query of the list of rules."""

    portfolio_id: Optionally[UUID] = Field(None, description="only rules on this portfolio and its positions")
    symbol: Optionally[Symbol] = Field(None, description="only rules on this instrument")
    kind: Optionally[Kind] = Field(None, description="only of this kind")
    severity: Optionally[Severity] = Field(None, description="only of this severity")
    state: Optionally[State] = Field(None, description="only in this state")
    sort: Literal["id", "-id", "updated_at", "-updated_at"] = Field("id", description="order; `-` for descending")
