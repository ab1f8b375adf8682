"""Corporate actions, page by page: an operator writes them."""

from decimal import Decimal

from lakehouse.quality.actions import ActionKind
from serving.corporate_actions.repository import ActionRepository, ActionRow
from serving.corporate_actions.schemas import ActionOut, ActionPage, ActionQuery
from serving.kit.paging import page_by_id
from serving.kit.types import plain

FILTERS = ("symbol", "kind", "date_from", "date_to", "include_reversed")


class ActionService:
    """What companies did, the same for everybody."""

    def __init__(self, repository: ActionRepository) -> None:
        self._repository = repository

    async def page(self, query: ActionQuery, path: str) -> ActionPage:
        """A page of the list."""
        filters: dict[str, object] = {name: getattr(query, name) for name in FILTERS}
        found = await self._repository.page(filters, after=query.starting_after, limit=query.limit + 1)
        rows, following = page_by_id(found, query.limit, path, filters)
        return ActionPage(data=[_out(row) for row in rows], has_more=following is not None, next=following)


def _out(row: ActionRow) -> ActionOut:
    return ActionOut(
        id=row.id,
        symbol=row.symbol,
        kind=ActionKind(row.kind),
        ex_date=row.ex_date,
        ratio=_text(row.ratio),
        related_symbol=row.related_symbol,
        cost_share=_text(row.cost_share),
        amount=_text(row.amount),
        currency=row.currency,
        adjusts_prices=row.adjusts_prices,
        source=row.source,
        applied_at=row.applied_at,
        reversed_at=row.reversed_at,
    )


def _text(number: Decimal | None) -> str | None:
    return None if number is None else plain(number)
