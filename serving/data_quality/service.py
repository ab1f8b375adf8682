"""Findings, page by page: nobody writes them here."""

from serving.data_quality.repository import FindingRepository, FindingRow
from serving.data_quality.schemas import FindingGrade, FindingOut, FindingPage, FindingQuery
from serving.kit.paging import page_by_id

FILTERS = ("table", "check", "symbol", "grade", "run_id", "date_from", "date_to")


class FindingService:
    """What was found, the same for everybody."""

    def __init__(self, repository: FindingRepository) -> None:
        self._repository = repository

    async def page(self, query: FindingQuery, path: str) -> FindingPage:
        """A page of the list."""
        filters: dict[str, object] = {name: getattr(query, name) for name in FILTERS}
        found = await self._repository.page(filters, after=query.starting_after, limit=query.limit + 1)
        rows, following = page_by_id(found, query.limit, path, filters)
        return FindingPage(data=[_out(row) for row in rows], has_more=following is not None, next=following)


def _out(row: FindingRow) -> FindingOut:
    return FindingOut(
        id=row.id,
        table=row.table_name,
        check=row.check_name,
        kind=row.kind,
        grade=FindingGrade(row.grade),
        symbol=row.subject or None,
        as_of=row.as_of,
        rows=row.row_count,
        detail=row.detail,
        job=row.job,
        run_id=row.run_id,
        found_at=row.found_at,
    )
