"""Models and forecasts on the wire."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from ml.features.returns import LEAST_RETURNS
from serving.kit.types import Symbol

LEAST_CLOSES: Final = LEAST_RETURNS + 1
MOST_CLOSES: Final = 5000
LARGEST: Final = 1e12
URI_PATTERN: Final = (
    r"^(models:/[a-z][a-z0-9_]{0,62}(/[1-9][0-9]{0,8}|@[a-z][a-z0-9_]{0,30})|runs:/[0-9a-f]{32}/[A-Za-z0-9_-]{1,64})$"
)
EXAMPLE: Final = [round(100 + 3 * ((7 * day) % 11) / 10 + day / 20, 2) for day in range(LEAST_CLOSES + 12)]

Close = Annotated[float, Field(strict=True, gt=0, le=LARGEST, allow_inf_nan=False)]
Closes = Annotated[
    list[Close],
    Field(
        min_length=LEAST_CLOSES,
        max_length=MOST_CLOSES,
        description="daily closes, one a trading day, oldest first, adjusted for splits: numbers, not money",
        examples=[EXAMPLE],
    ),
]


class Source(StrEnum):
    """Where a forecast comes from."""

    CHAMPION = "champion"
    ASKED = "asked"
    BASELINE = "baseline"


class OfSymbol(BaseModel):
    """Forecast from the closes that this platform has."""

    model_config = ConfigDict(extra="forbid")

    symbol: Symbol = Field(description="instrument")


class OfValues(BaseModel):
    """Forecast from the closes that are sent."""

    model_config = ConfigDict(extra="forbid")

    values: Closes


class ForecastByModel(BaseModel):
    """Forecast by a model that is named."""

    model_config = ConfigDict(extra="forbid")

    model_uri: str = Field(
        pattern=URI_PATTERN,
        description="models:/NAME/VERSION, models:/NAME@ALIAS, or runs:/RUN/NAME of a run whose model is registered",
        examples=["models:/return_forecast@champion"],
    )
    values: Closes


class UsedModel(BaseModel):
    """What made the forecast."""

    name: str = Field(description="registered model, or `ewma_normal`, the baseline", examples=["return_forecast"])
    version: int | None = Field(description="its version; null of the baseline", examples=[3])
    source: Source = Field(description="champion: the version in use; asked: the one named; baseline: none was usable")
    why: str | None = Field(description="why the baseline stands in; null otherwise")


class ForecastQuantile(BaseModel):
    """A value that the next return stays below with this probability."""

    level: str = Field(description="probability", examples=["0.05"])
    log_return: str = Field(description="log return of the next day; negative is a fall", examples=["-0.02140000"])


class Forecast(BaseModel):
    """The next trading day's return."""

    model: UsedModel
    symbol: str | None = Field(description="instrument; null where closes were sent")
    as_of: date | None = Field(description="day of the last close; null where closes were sent")
    closes: int = Field(ge=LEAST_CLOSES, description="daily closes that went in")
    quantiles: list[ForecastQuantile] = Field(description="by level, never crossing")
    volatility: str = Field(description="standard deviation of the log return of that day", examples=["0.01320000"])
    unit: str = Field("daily log return", description="of quantiles and volatility")


class Decision(BaseModel):
    """The last time that the version in use changed."""

    kind: str = Field(description="promoted, rolled_back or observed")
    from_version: int | None
    to_version: int
    approver: str
    reason: str
    decided_at: datetime


class ModelVersion(BaseModel):
    """A version that an alias points to."""

    version: int
    is_accepted: bool | None = Field(description="by the gate; null where none has judged")
    reasons: list[str] = Field(description="what the gate said")
    metrics: dict[str, str] = Field(description="of its training")
    created_at: datetime


class Model(BaseModel):
    """A registered model."""

    name: str
    champion: ModelVersion | None = Field(description="the version in use; null where none was promoted")
    challenger: ModelVersion | None = Field(description="the newest that was trained and not promoted")
    previous: int | None = Field(description="the version that a rollback goes back to")
    decided: Decision | None = Field(description="null where nothing was promoted")


class Models(BaseModel):
    """Every registered model."""

    data: list[Model]
