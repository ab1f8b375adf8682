"""Analytics on the wire."""

import re
from datetime import date
from typing import Annotated, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from lakehouse.contracts.model import Store
from lakehouse.contracts.tables import tables_in
from lakehouse.risk.methods import Method
from serving.kit.types import ConfidenceText, IsoDate, MoneyOut, Optionally
from serving.risk.schemas import DEMO_DATE, RiskMetric

TABLES: Final = {f"{table.layer}/{table.short_name}": table for table in tables_in(Store.DELTA)}
PATH_PATTERN: Final = f"^({'|'.join(re.escape(path) for path in sorted(TABLES))})$"
DeltaPath = Annotated[str, Field(pattern=PATH_PATTERN)]
Scalar = str | int | float | bool | None


class PortfolioRiskQuery(BaseModel):
    """Which numbers."""

    model_config = ConfigDict(extra="forbid")

    method: Method = Field(Method.HISTORICAL, description="how the loss distribution was made")
    confidence: ConfidenceText = Field("0.99", description="probability that the loss stays below VaR")
    horizon_days: int = Field(1, ge=1, le=250, description="trading days ahead; published are 1 and 10")
    as_of: Optionally[IsoDate] = Field(
        None, description="newest business date of each portfolio up to this day", examples=[DEMO_DATE]
    )


class RiskTotal(BaseModel):
    """Sums over the portfolios of a currency and horizon."""

    horizon_days: int
    portfolios: int = Field(ge=1)
    value: MoneyOut
    value_at_risk: MoneyOut = Field(description="sum of the VaRs: an upper bound, as if all losses came together")
    expected_shortfall: MoneyOut = Field(description="sum of the shortfalls, likewise")


class PortfolioRiskReport(BaseModel):
    """The newest published risk of every readable portfolio, riskiest first."""

    method: Method
    confidence: ConfidenceText
    oldest_date: date | None = Field(description="the report is as old as this; null where there is nothing")
    newest_date: date | None
    metrics: list[RiskMetric] = Field(description="by VaR, largest first")
    totals: list[RiskTotal] = Field(description="by currency and horizon")
    without_risk: list[UUID] = Field(description="portfolios that no run has published risk of")
    is_truncated: bool = Field(description="true where there are more portfolios than fit")


class DeltaQuery(BaseModel):
    """Which table."""

    model_config = ConfigDict(extra="forbid")

    path: DeltaPath = Field(description="layer/table of the lake, such as gold/returns_daily_v1")
    sample: int = Field(5, ge=0, le=50, description="rows to show")


class DeltaInfo(BaseModel):
    """A table of the lake, as its log describes it."""

    path: str
    description: str
    grain: str = Field(description="what a row is")
    owner: str = Field(description="who answers for it")
    version: int = Field(ge=0, description="version of the Delta log")
    files: int = Field(ge=0)
    rows: int | None = Field(description="null where a file says nothing about its rows")
    bytes: int = Field(ge=0, description="size of the files")
    partitioned_by: list[str]
    partitions: int = Field(ge=0, description="distinct partitions; 0 of a table without")
    columns: dict[str, str] = Field(description="types by name")
    is_sample_shown: bool = Field(description="false of what belongs to users: only admins see rows of that")
    sample: list[dict[str, Scalar]] = Field(description="some rows; decimals and times as text")
