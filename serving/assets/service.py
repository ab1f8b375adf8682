"""What may be asked about assets: they are computed from the books and cannot be written."""

from decimal import Decimal
from uuid import UUID

from lakehouse.domain.currency import rounded_minor
from serving.assets.repository import AssetRepository, AssetRow, HoldingRow, Wanted
from serving.assets.schemas import AssetDetail, AssetHolding, AssetOut, AssetPage, AssetQuery
from serving.instruments.schemas import InstrumentKind
from serving.kit.access import Principal
from serving.kit.paging import next_path, page_by_id
from serving.kit.problems import ApiError
from serving.kit.types import MoneyOut, money_of, plain


class AssetNotFound(ApiError):
    """The caller holds no such asset."""

    status = 404
    code = "asset_not_found"
    title = "You hold no such asset"

    def __init__(self, asset_id: UUID) -> None:
        super().__init__(f"None of your portfolios holds {asset_id}; GET /api/v1/assets lists what they hold.")


class AssetService:
    """Reads of assets."""

    def __init__(self, repository: AssetRepository) -> None:
        self._repository = repository

    async def page(self, principal: Principal, query: AssetQuery, path: str) -> tuple[AssetPage, str]:
        """A page of the caller's assets, and its own path."""
        wanted = Wanted(
            portfolio_id=query.portfolio_id,
            symbol=query.symbol,
            asset_type=query.asset_type,
            after=query.starting_after,
        )
        given = query.model_dump(mode="json")
        found = await self._repository.page(principal, wanted, limit=query.limit + 1)
        rows, following = page_by_id(found, query.limit, path, given)
        page = AssetPage(data=[asset_of(row) for row in rows], has_more=following is not None, next=following)
        return page, next_path(path, given, {})

    async def detail(self, principal: Principal, asset_id: UUID) -> AssetDetail:
        """The asset and who holds it. Raises AssetNotFound."""
        found = await self._repository.page(principal, Wanted(asset_id=asset_id), limit=1)
        if not found:
            raise AssetNotFound(asset_id)
        holdings = await self._repository.holdings(principal, found[0].symbol)
        return AssetDetail(**asset_of(found[0]).model_dump(), portfolios=[_holding(row) for row in holdings])


def asset_of(row: AssetRow) -> AssetOut:
    """The asset at its last price."""
    costs = _money(row.costs)
    value = _value(row)
    return AssetOut(
        id=row.id,
        symbol=row.symbol,
        name=row.name,
        asset_type=InstrumentKind(row.asset_type),
        currency=row.currency,
        quantity=plain(row.quantity),
        portfolio_count=row.portfolio_count,
        cost_basis_total=costs,
        last_price=None if row.last_price is None else plain(row.last_price),
        priced_at=row.priced_at,
        current_value=None if value is None else money_of(value, row.currency),
        unrealized_pnl=_gain(row, value),
        updated_at=row.updated_at,
    )


def _value(row: AssetRow) -> int | None:
    if row.last_price is None:
        return None
    return rounded_minor(row.quantity * row.last_price * row.multiplier, row.currency)


def _gain(row: AssetRow, value: int | None) -> MoneyOut | None:
    """Value less cost, where both are amounts of one currency."""
    if value is None or set(row.costs) != {row.currency}:
        return None
    return money_of(value - int(Decimal(row.costs[row.currency])), row.currency)


def _holding(row: HoldingRow) -> AssetHolding:
    return AssetHolding(
        portfolio_id=row.portfolio_id,
        portfolio_name=row.portfolio_name,
        quantity=plain(row.quantity),
        cost_basis_total=_money(row.costs),
        updated_at=row.updated_at,
    )


def _money(costs: dict[str, str]) -> list[MoneyOut]:
    return [money_of(int(Decimal(minor)), currency) for currency, minor in sorted(costs.items())]
