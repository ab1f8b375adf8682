"""What the demo found out, as data; the reports show it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from lakehouse.risk.methods import BATCH_METHODS, Method

METHODS = BATCH_METHODS
CONFIDENCES = ("0.95", "0.99")
TAIL = "0.99"
"""The confidence whose zone, change and contributors are shown."""
ANALYSED = Method.HISTORICAL
"""The method whose contributors and worst days are shown: its scenarios have a date."""


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
class Contributor:
    """A holding's part of VaR and ES; negative for a hedge."""

    symbol: str
    exposure: Decimal
    var: Decimal
    es: Decimal


@dataclass(frozen=True, slots=True)
class Scenario:
    """A day of the past whose returns are repeated, and what today's holdings would make of it."""

    day: date
    pnl: Decimal


@dataclass(frozen=True, slots=True)
class Stress:
    """A scenario's effect on today's holdings, `pnl` None where the `reason` says why it is unmeasured; `distance` in
    standard deviations of a day, of reverse stress only."""

    kind: str
    title: str
    pnl: Decimal | None
    share: float | None
    worst: Decimal | None
    distance: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class ExplainedDay:
    """A gain since the close of `since`: `parts` by name sum to `total`; both absent where the `reason` says why."""

    since: date | None
    total: Decimal | None
    share: float | None
    parts: Mapping[str, Decimal]
    reason: str


@dataclass(frozen=True, slots=True)
class RiskDetail:
    """What analysts see of a portfolio: zones and changes by method at TAIL, contributors and worst days of ANALYSED,
    what scenarios would do, and why the day went as it did.

    `since` is the business date that the changes are from, None where only one date has risk.
    """

    zones: Mapping[str, str] = field(default_factory=dict)
    changes: Mapping[str, Decimal] = field(default_factory=dict)
    since: date | None = None
    contributors: tuple[Contributor, ...] = ()
    worst: tuple[Scenario, ...] = ()
    stress: tuple[Stress, ...] = ()
    explained: ExplainedDay | None = None


@dataclass(frozen=True, slots=True)
class PortfolioAnswer:
    """One portfolio: its value, its risk by every method and confidence, and where that comes from."""

    id: str
    name: str
    currency: str
    value: Decimal
    risks: tuple[Risk, ...]
    detail: RiskDetail = RiskDetail()

    def risk(self, method: str, confidence: str) -> Risk | None:
        """The risk by that method at that confidence, or None where it was not published."""
        wanted = Decimal(confidence)
        return next((found for found in self.risks if (found.method, found.confidence) == (method, wanted)), None)


@dataclass(frozen=True, slots=True)
class Trade:
    """A proposed order in whole units."""

    side: str
    symbol: str
    quantity: Decimal
    price: Decimal
    notional: Decimal
    cost: Decimal


@dataclass(frozen=True, slots=True)
class Profile:
    """A portfolio's risk as shares of its value, a year's volatility and one day's VaR at 99 %."""

    volatility: Decimal
    var_99: Decimal


@dataclass(frozen=True, slots=True)
class Proposal:
    """What to trade in a portfolio: amounts in its currency, drift and turnover as shares of its value."""

    portfolio: str
    currency: str
    status: str
    reasons: tuple[str, ...]
    objective: str
    regime: str
    regime_source: str
    value: Decimal
    cash_before: Decimal
    cash_after: Decimal
    cost: Decimal
    turnover: Decimal
    drift_before: Decimal
    drift_after: Decimal
    before: Profile
    after: Profile
    trades: tuple[Trade, ...]


@dataclass(frozen=True, slots=True)
class StrategyResult:
    """A strategy walked forward, beside the best of its trials; `trials` were tried to find that one."""

    strategy: str
    first_date: date
    last_date: date
    annual_return: float
    sharpe: float
    deflated_sharpe: float
    max_drawdown: float
    trials: int
    best_sharpe: float
    survivorship: str
    report: str


@dataclass(frozen=True, slots=True)
class ModelState:
    """A model's newest version: whether its gate accepted it, why, and which version is in use (None: none)."""

    name: str
    version: int
    accepted: bool
    reasons: tuple[str, ...]
    champion: int | None
    url: str


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
    proposals: tuple[Proposal, ...]
    strategies: tuple[StrategyResult, ...]
    models: tuple[ModelState, ...]
    stages: tuple[Stage, ...]
    urls: Mapping[str, str]
    curl: str
    seconds: float
    live: tuple[str, ...] = ()
