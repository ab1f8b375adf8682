"""Risk of options, bonds and shares by revaluation on the wire: a positive VaR or ES is a loss."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from lakehouse.risk.quantiles import Quantile
from lakehouse.risk.revalued import Recipe, Source, Valuation
from serving.kit.types import (
    ConfidenceText,
    CurrencyCode,
    DecimalText,
    MoneyOut,
    Omittable,
    Quantity,
    Symbol,
    number_only,
)
from serving.options.schemas import RateText, VolatilityText
from serving.portfolios.schemas import DEMO_PORTFOLIO
from serving.risk.on_demand_schemas import HalfOrMore, PriceSource
from serving.risk.revaluation_lines import Given, InputName, InputSource, Kind, Model
from serving.risk.revaluing import Asked

MOST = 200
MOST_DRAWS = 20_000


class Side(StrEnum):
    """Which way a position of the request goes."""

    LONG = "long"
    SHORT = "short"


class PositionIn(BaseModel):
    """Units beside those that the portfolio holds: a trade that is thought of."""

    model_config = ConfigDict(extra="forbid")

    symbol: Symbol = Field(description="instrument; options and bonds need their terms", examples=["AAPL"])
    quantity: Quantity = Field(description="units, or contracts, above zero")
    side: Side = Field(Side.LONG, description="`short` takes them from what is held")


class InputIn(BaseModel):
    """What one instrument is priced from instead of its newest close."""

    model_config = ConfigDict(extra="forbid")

    symbol: Symbol = Field(description="an option or a bond; of several for one the last counts", examples=["AAPL"])
    volatility: Omittable[VolatilityText] = Field(
        None, description="of an option, of a year; left out, it is implied by the option's newest close"
    )
    rate: Omittable[RateText] = Field(None, description="of an option, of a year, continuous; left out, the request's")
    dividend_yield: Omittable[RateText] = Field(
        None, description="of an option's underlying, of a year, continuous; left out, 0, and the answer says so"
    )
    bond_yield: Omittable[RateText] = Field(
        None,
        description="of a bond, of a year, continuous, actual days over 365; left out, it is implied by the bond's "
        "newest close",
    )
    yields_of: Omittable[Symbol] = Field(
        None, description="of a bond: the bond whose closes tell how its yield moves; left out, its own"
    )


class RevalueIn(BaseModel):
    """Positions, what they are priced from, and how their risk is measured."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"portfolio_id": DEMO_PORTFOLIO, "valuation": "full", "scenarios": "historical", "rate": "0.04"}
        },
    )

    portfolio_id: Omittable[UUID] = Field(None, description="portfolio whose holdings are measured")
    positions: Annotated[list[PositionIn], Field(max_length=MOST)] = Field(
        [], description="beside them, or on their own"
    )
    base_currency: Omittable[CurrencyCode] = Field(
        None, description="of the answer; left out, the portfolio's, or that of the first position by symbol"
    )
    valuation: Valuation = Field(
        Valuation.FULL,
        description="`delta`: first derivatives times moves; `delta_gamma`: second ones too; `full`: priced anew",
    )
    scenarios: Source = Field(
        Source.HISTORICAL,
        description="`historical`: past moves; `monte_carlo_normal`, `monte_carlo_t_copula`: drawn; `parametric`: "
        "none, in closed form (not with `full`)",
    )
    confidence: HalfOrMore = Field(
        "0.99", description="probability that the loss stays below VaR, 0.5 to 0.99999", examples=["0.99"]
    )
    horizon_days: Annotated[int, Field(ge=1, le=30), BeforeValidator(number_only)] = Field(
        1, description="trading days ahead"
    )
    days: Annotated[int, Field(ge=20, le=2500), BeforeValidator(number_only)] = Field(
        500, description="daily moves behind the number"
    )
    quantile: Quantile = Field(Quantile.LOWER, description="which order statistic is the VaR; not of `parametric`")
    draws: Annotated[int, Field(ge=1000, le=MOST_DRAWS), BeforeValidator(number_only)] = Field(
        10_000, description="scenarios of Monte-Carlo"
    )
    rate: Omittable[RateText] = Field(None, description="interest of a year, continuous, that options are priced by")
    inputs: Annotated[list[InputIn], Field(max_length=MOST)] = Field([], description="by instrument")

    @property
    def asked(self) -> Asked:
        """The same for the measuring."""
        return Asked(
            recipe=Recipe(self.valuation, self.scenarios),
            confidence=Decimal(self.confidence),
            horizon_days=self.horizon_days,
            window_days=self.days,
            quantile=self.quantile,
            draws=self.draws,
            rate=_decimal(self.rate),
            given={
                each.symbol: Given(
                    volatility=_decimal(each.volatility),
                    rate=_decimal(each.rate),
                    dividend_yield=_decimal(each.dividend_yield),
                    bond_yield=_decimal(each.bond_yield),
                    yields_of=each.yields_of,
                )
                for each in self.inputs
            },
        )


class InputOut(BaseModel):
    """A number that a position was priced from."""

    name: InputName
    value: float = Field(description="volatility, rates and yields of a year, as fractions")
    source: InputSource = Field(description="where it comes from; `assumed` is 0")
    on: date | None = Field(description="day of the close behind it; null where there is none")


class RevaluedPosition(BaseModel):
    """A position, what it was priced from, and what it adds to the risk."""

    symbol: Symbol
    kind: Kind
    quantity: DecimalText = Field(description="units or contracts, held and given together; negative is short")
    model: Model = Field(description="how it was priced; bonds to maturity, whatever the issuer may call")
    factor: str = Field(
        description="what moves it: the price or the yield of an instrument; in another currency the exchange rate too"
    )
    inputs: list[InputOut]
    value: MoneyOut = Field(description="of bonds with accrued interest; negative for a short")
    sensitivity: DecimalText = Field(
        description="gain, base currency, for a rise of the price by 1 %, or of the yield by a basis point, by delta"
    )
    curvature: DecimalText = Field(description="what second order adds to that gain")
    component_var: MoneyOut = Field(description="its part of the VaR; negative for a hedge; the parts add up")
    component_es: MoneyOut = Field(description="its part of the expected shortfall")


class RevaluationRisk(BaseModel):
    """Value at risk and expected shortfall of positions that are revalued scenario by scenario."""

    portfolio_id: UUID | None
    business_date: date = Field(description="newest close that everything has whose moves count")
    first_date: date = Field(description="oldest close behind the number")
    valuation: Valuation
    scenarios: Source
    confidence: ConfidenceText
    horizon_days: int
    base_currency: CurrencyCode
    value: MoneyOut
    value_at_risk: MoneyOut = Field(description="positive is a loss")
    expected_shortfall: MoneyOut = Field(description="mean loss beyond VaR: never below it; positive is a loss")
    convention: str = Field(description="quantile, model, horizon, and what is held still")
    observations: int = Field(description="daily moves used")
    outcomes: int = Field(description="scenarios behind the quantile; 0 for a closed form")
    dropped_dates: int = Field(description="dates left out because an instrument had no close on them")
    source: PriceSource = Field(description="where the closes of what moves came from")
    positions: list[RevaluedPosition] = Field(description="by symbol")


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
