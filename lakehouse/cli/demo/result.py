"""What the demo found out, as data; report.py shows it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from lakehouse.risk.methods import Method

METHODS = (Method.HISTORICAL, Method.PARAMETRIC_NORMAL, Method.CORNISH_FISHER, Method.MONTE_CARLO_NORMAL)
"""The methods that the report shows; the API has all that the batch measured."""
CONFIDENCES = ("0.95", "0.99")


@dataclass(frozen=True, slots=True)
class Risk:
    """One portfolio's one-day risk by one method at one confidence; positive amounts are losses."""

    method: str
    confidence: Decimal
    var: Decimal
    es: Decimal
    breaches: int
    backtest_days: int


@dataclass(frozen=True, slots=True)
class PortfolioAnswer:
    """One portfolio: its value and its risk by every method and confidence."""

    id: str
    name: str
    currency: str
    value: Decimal
    risks: tuple[Risk, ...]

    def risk(self, method: str, confidence: str) -> Risk | None:
        """The risk by that method at that confidence, or None where it was not published."""
        wanted = Decimal(confidence)
        return next((found for found in self.risks if (found.method, found.confidence) == (method, wanted)), None)


@dataclass(frozen=True, slots=True)
class Stage:
    """A step of the flow: seconds it took and the rows that came out, by what they are."""

    name: str
    seconds: float
    rows: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DemoResult:
    """Everything that the demo prints."""

    business_date: str
    portfolios: tuple[PortfolioAnswer, ...]
    stages: tuple[Stage, ...]
    urls: Mapping[str, str]
    curl: str
    seconds: float
