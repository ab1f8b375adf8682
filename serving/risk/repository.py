"""All SQL about published risk. Every read starts from READABLE, so that a rule about who may read has one place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, LiteralString
from uuid import UUID

from lakehouse.risk.methods import Method
from lakehouse.stores.marts import Marts

FIRST_DATE = date(1900, 1, 1)
LAST_DATE = date(2299, 12, 31)

READABLE: Final[LiteralString] = """
    SELECT business_date, portfolio_id, portfolio_name, base_currency, method, confidence, horizon_days,
           value_base, var_base, es_base, convention, observations, scenarios, breaches, backtest_days, run_id
    FROM portfolio_risk_v1
    WHERE 1 = 1
"""
NEWEST_OF_PORTFOLIO: Final[LiteralString] = """
      AND portfolio_id = {portfolio_id:UUID}
      AND business_date = (
          SELECT maxOrNull(business_date) FROM portfolio_risk_v1
          WHERE portfolio_id = {portfolio_id:UUID} AND business_date <= {as_of:Date32})
    ORDER BY method, confidence, horizon_days
"""
NEWEST_OF_EACH: Final[LiteralString] = """
      AND has({owned:Array(UUID)}, portfolio_id)
      AND (portfolio_id, business_date) IN (
          SELECT portfolio_id, max(business_date) FROM portfolio_risk_v1
          WHERE has({owned:Array(UUID)}, portfolio_id) AND business_date <= {as_of:Date32}
          GROUP BY portfolio_id)
    ORDER BY toString(portfolio_id), method, confidence, horizon_days
"""
CONDITIONS: Final[Mapping[str, LiteralString]] = {
    "portfolio_id": "AND portfolio_id = {portfolio_id:UUID} ",
    "method": "AND method = {method:String} ",
    "confidence": "AND confidence = {confidence:Decimal(6, 5)} ",
    "date_from": "AND business_date >= {date_from:Date32} ",
    "date_to": "AND business_date <= {date_to:Date32} ",
    "owned": "AND has({owned:Array(UUID)}, portfolio_id) ",
}
# Text of the id, because the engine sorts UUIDs by their second half first: the cursor must compare as the page sorts.
AFTER: Final[LiteralString] = """
      AND (business_date < {last_date:Date32} OR (business_date = {last_date:Date32} AND
           (toString(portfolio_id), method, confidence, horizon_days)
         > ({last_portfolio:String}, {last_method:String}, {last_confidence:Decimal(6, 5)}, {last_horizon:Int32})))
"""
PAGE_ORDER: Final[LiteralString] = """
    ORDER BY business_date DESC, toString(portfolio_id), method, confidence, horizon_days
    LIMIT {limit:UInt32}
"""


@dataclass(frozen=True, slots=True)
class RiskRow:
    """A row of gold.portfolio_risk_v1."""

    business_date: date
    portfolio_id: UUID
    portfolio_name: str
    base_currency: str
    method: str
    confidence: Decimal
    horizon_days: int
    value_base: Decimal
    var_base: Decimal
    es_base: Decimal
    convention: str
    observations: int
    scenarios: int
    breaches: int
    backtest_days: int
    run_id: str


@dataclass(frozen=True, slots=True)
class RiskKey:
    """The key of the last row of a page, in the order of the page."""

    business_date: date
    portfolio_id: UUID
    method: Method
    confidence: Decimal
    horizon_days: int


@dataclass(frozen=True, slots=True)
class RiskCriteria:
    """Which rows; None leaves a column free."""

    owned: tuple[UUID, ...] | None = None
    portfolio_id: UUID | None = None
    method: Method | None = None
    confidence: Decimal | None = None
    date_from: date | None = None
    date_to: date | None = None


class RiskRepository:
    """Reads of the ClickHouse copy of gold.portfolio_risk_v1. Every method raises MartsUnavailable."""

    def __init__(self, marts: Marts) -> None:
        self._marts = marts

    async def newest(self, portfolio_id: UUID, *, as_of: date | None) -> list[RiskRow]:
        """All rows of the newest business date up to `as_of`; empty where nothing was published by then."""
        parameters = {"portfolio_id": portfolio_id, "as_of": until(as_of)}
        return await self._marts.fetch(READABLE + NEWEST_OF_PORTFOLIO, parameters, RiskRow)

    async def newest_of(self, portfolio_ids: Sequence[UUID], *, as_of: date | None = None) -> list[RiskRow]:
        """All rows of each portfolio's own newest business date up to `as_of`."""
        parameters = {"owned": list(portfolio_ids), "as_of": until(as_of)}
        return await self._marts.fetch(READABLE + NEWEST_OF_EACH, parameters, RiskRow)

    async def page(self, criteria: RiskCriteria, *, after: RiskKey | None, limit: int) -> list[RiskRow]:
        """Up to `limit` rows after the key, newest date first."""
        parameters = _parameters(criteria)
        statement = READABLE + "".join(CONDITIONS[name] for name in parameters)
        if after is not None:
            statement += AFTER
            parameters |= {
                "last_date": within_reach(after.business_date),
                "last_portfolio": str(after.portfolio_id),
                "last_method": after.method.value,
                "last_confidence": after.confidence,
                "last_horizon": after.horizon_days,
            }
        return await self._marts.fetch(statement + PAGE_ORDER, {**parameters, "limit": limit}, RiskRow)


def until(as_of: date | None) -> date:
    """The newest business date that may be answered with: all of them without `as_of`."""
    return LAST_DATE if as_of is None else within_reach(as_of)


def within_reach(day: date) -> date:
    """The day, moved to the edge of what the engine's Date32 can say: no row lies beyond, so no answer changes."""
    return min(max(day, FIRST_DATE), LAST_DATE)


def _parameters(criteria: RiskCriteria) -> dict[str, object]:
    given: dict[str, object | None] = {
        "owned": criteria.owned if criteria.owned is None else list(criteria.owned),
        "portfolio_id": criteria.portfolio_id,
        "method": criteria.method and criteria.method.value,
        "confidence": criteria.confidence,
        "date_from": criteria.date_from and within_reach(criteria.date_from),
        "date_to": criteria.date_to and within_reach(criteria.date_to),
    }
    return {name: value for name, value in given.items() if value is not None}
