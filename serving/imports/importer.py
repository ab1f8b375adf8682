"""One import inside one database transaction: read, judge every row, balance the cash, book, keep the report."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Final
from uuid import UUID

from fastapi import Request
from pydantic import BaseModel

from lakehouse.clock import Clock
from lakehouse.domain.currency import from_minor
from lakehouse.domain.ids import uuid7
from lakehouse.portfolio.transactions import Draft, Kind, cash_moves
from lakehouse.stores.books.booking import BookingRefused, Books, book, open_books, refusals
from lakehouse.stores.postgres import Transaction
from serving.audit import log
from serving.imports.cash import Shortage, shortages
from serving.imports.convert import Read, RowRefused, read_rows, symbol_of
from serving.imports.layout import Layout
from serving.imports.presets import PRESETS
from serving.imports.reading import Row, UnreadableFile, clean, decode, read
from serving.imports.repository import ImportRepository
from serving.imports.schemas import ImportParameters, ImportReport, ImportSummary, RowOut, RowStatus, Said
from serving.instruments.drafts import add_drafts, remove_drafts
from serving.kit.access import Principal
from serving.kit.crud.service import NotFound
from serving.kit.problems import ApiError
from serving.portfolios.service import PortfolioNotFound

REPORT_ROWS: Final = 1000


class FileUnreadable(ApiError):
    """The file is no CSV, has no header that the layout knows, or has too many rows; `detail` says which."""

    status = 409
    code = "file_unreadable"
    title = "No transactions can be read from the file"


class Refused(BaseModel):
    """Extension of the problem: the report of the import that was not made."""

    report: ImportReport


class ImportRefused(ApiError):
    """A row is wrong, so nothing was booked; `report` says which and why."""

    status = 409
    code = "import_refused"
    title = "The import was refused as a whole"


class Overdraft(ApiError):
    """The file takes more cash out of the account than there is."""

    status = 409
    code = "import_overdraft"
    title = "The cash does not suffice for the file"


@dataclass(frozen=True, slots=True)
class Judged:
    """The rows that may be booked, in order of time, what is said of every row, and the symbols that were new."""

    fresh: list[tuple[Row, Draft]]
    rows: list[Said]
    unknown: dict[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Done:
    """What was booked."""

    summary: ImportSummary
    balances: list[str]
    warnings: list[str]


class Importer:
    """Imports in the caller's transaction. Raises ApiError; the caller's rollback undoes everything."""

    def __init__(self, repository: ImportRepository, clock: Clock) -> None:
        self._repository = repository
        self._clock = clock

    async def run(
        self, connection: Transaction, request: Request, principal: Principal, asked: ImportParameters, content: bytes
    ) -> ImportReport:
        """Book the file and return its report; of a dry run the caller rolls back."""
        books = await open_books(connection, asked.portfolio_id, owner_id=principal.user_id)
        if books is None:
            raise PortfolioNotFound(asked.portfolio_id)
        layout = await self._layout(connection, principal, asked)
        import_id = uuid7(self._clock)
        judged = await self._judge(connection, books, _rows(content, layout), layout, import_id)
        try:
            # Nearly every file has no row that the lots refuse: to fold it twice, for a report, would be wasted.
            async with connection.transaction():
                done = await self._attempt(connection, books, asked, judged, import_id, content)
        except BookingRefused:
            judged = await self._refuse(connection, books, judged)
            done = await self._again(connection, books, asked, judged, import_id, content)
        await self._keep(connection, request, principal, done.summary, judged)
        return _report(done.summary, asked, judged, done.balances, done.warnings)

    async def _again(
        self,
        connection: Transaction,
        books: Books,
        asked: ImportParameters,
        judged: Judged,
        import_id: UUID,
        content: bytes,
    ) -> Done:
        try:
            return await self._attempt(connection, books, asked, judged, import_id, content)
        except BookingRefused as refused:
            raise ImportRefused(f"{refused.detail} Nothing was booked.") from refused

    async def _attempt(
        self,
        connection: Transaction,
        books: Books,
        asked: ImportParameters,
        judged: Judged,
        import_id: UUID,
        content: bytes,
    ) -> Done:
        """Balance and book. Raises ImportRefused where rows are wrong and that is not allowed, and BookingRefused."""
        summary = _summary(import_id, asked, content, judged, self._clock.now())
        if summary.errors and asked.on_error == "refuse" and not asked.dry_run:
            complete = await self._refuse(connection, books, judged)
            summary = _summary(import_id, asked, content, complete, self._clock.now())
            report = _report(summary.model_copy(update={"id": None, "booked": 0}), asked, complete, [], [])
            raise ImportRefused(
                f"{summary.errors} of {summary.row_count} rows are wrong and nothing was booked: mend them, or send "
                "on_error=skip.",
                extension=Refused(report=report),
            )
        balances, warnings = await self._balance(connection, books, asked, judged, summary)
        drafts = sorted([*balances, *(draft for _, draft in judged.fresh)], key=lambda draft: draft.occurred_at)
        await book(connection, books, drafts, clock=self._clock)
        return Done(summary, [_said(each) for each in balances], warnings)

    async def _layout(self, connection: Transaction, principal: Principal, asked: ImportParameters) -> Layout:
        if asked.mapping_id is None:
            return PRESETS[asked.preset]
        found = await self._repository.layout(connection, asked.mapping_id, principal.user_id)
        if found is None:
            raise NotFound(f"There is no mapping {asked.mapping_id} of yours.")
        return found

    async def _judge(
        self, connection: Transaction, books: Books, rows: list[Row], layout: Layout, import_id: UUID
    ) -> Judged:
        """What the rows say for themselves, and which are booked already; unknown symbols become instruments."""
        known = await self._repository.instruments(connection, _symbols(rows))
        currencies = {symbol: currency for symbol, (currency, _) in known.items()}
        found = read_rows(rows, layout, currencies, books.base_currency, import_id)
        booked = await self._booked(connection, books, found)
        fresh, said = _without_duplicates(found, booked)
        unknown = _unknown(fresh, set(known))
        made = await add_drafts(connection, unknown, creator=books.owner_id, clock=self._clock) if unknown else set()
        unknown = {symbol: told for symbol, told in unknown.items() if symbol in made}
        said += [_judgement(row, draft, None, unknown) for row, draft in fresh]
        return Judged(fresh, sorted(said, key=lambda each: each.row), unknown)

    async def _refuse(self, connection: Transaction, books: Books, judged: Judged) -> Judged:
        """The same, less what the books refuse."""
        drafts = [draft for _, draft in judged.fresh]
        refused = await refusals(connection, books, drafts, clock=self._clock)
        wrong = {
            judged.fresh[index][0].number: _judgement(*judged.fresh[index], refusal, judged.unknown)
            for index, refusal in refused.items()
        }
        rows = [wrong.get(row.row, row) for row in judged.rows]
        fresh = [each for index, each in enumerate(judged.fresh) if index not in refused]
        named = {symbol for _, draft in fresh for symbol in (draft.symbol, draft.related_symbol)}
        await remove_drafts(connection, judged.unknown.keys() - named)
        return Judged(fresh, rows, {symbol: told for symbol, told in judged.unknown.items() if symbol in named})

    async def _booked(self, connection: Transaction, books: Books, found: Sequence[Read]) -> set[str]:
        ids = [each.draft.external_id for each in found if each.draft is not None and each.draft.external_id]
        return await self._repository.booked(connection, books.portfolio_id, ids)

    async def _balance(
        self, connection: Transaction, books: Books, asked: ImportParameters, judged: Judged, summary: ImportSummary
    ) -> tuple[list[Draft], list[str]]:
        """Deposits that cover shortages, where they are wanted, and warnings. Raises Overdraft."""
        drafts = [draft for _, draft in judged.fresh]
        symbols = {draft.symbol for draft in drafts if draft.symbol is not None}
        known = await self._repository.instruments(connection, symbols)
        multipliers = {symbol: multiplier for symbol, (_, multiplier) in known.items()}
        new = [
            (draft.occurred_at.date(), currency, minor)
            for draft in drafts
            for currency, minor in cash_moves(draft, multipliers.get(draft.symbol or "", Decimal(1))).items()
        ]
        before = await self._repository.cash_days(connection, books.portfolio_id)
        free = await self._repository.free_cash(connection, books.account_id)
        short = shortages([(each.day, each.currency, each.minor) for each in before], new, free)
        if asked.opening_balance:
            return [_opening(each, summary) for each in short], []
        if any(each.is_open for each in short):
            raise Overdraft(
                " ".join(_told(each) for each in short if each.is_open)
                + " Add the deposits that the file leaves out, or send opening_balance=true, which books them."
            )
        return [], [_told(each) for each in short]

    async def _keep(
        self, connection: Transaction, request: Request, principal: Principal, summary: ImportSummary, judged: Judged
    ) -> None:
        await self._repository.write(connection, summary, principal.user_id, judged.rows)
        await log.record(
            connection,
            principal,
            "import",
            clock=self._clock,
            request=request,
            object_kind="import",
            object_id=str(summary.id),
            after={"portfolio_id": str(summary.portfolio_id), "booked": summary.booked, "file": summary.file_sha256},
        )


def _rows(content: bytes, layout: Layout) -> list[Row]:
    try:
        return read(decode(content), layout)
    except UnreadableFile as error:
        raise FileUnreadable(error.detail) from error


def _symbols(rows: Sequence[Row]) -> set[str]:
    found = {row.cells["related_symbol"].upper() for row in rows if "related_symbol" in row.cells}
    for text in {row.cells["symbol"] for row in rows if "symbol" in row.cells}:
        try:
            symbol = symbol_of(text)
        except RowRefused:
            continue
        if symbol is not None:
            found.add(symbol)
    return found


def _without_duplicates(found: Sequence[Read], booked: set[str]) -> tuple[list[tuple[Row, Draft]], list[Said]]:
    fresh: list[tuple[Row, Draft]] = []
    said: list[Said] = []
    seen = set(booked)
    for each in found:
        if each.draft is None:
            refusal = each.refusal or RowRefused("row_invalid", "It is no transaction.")
            said.append(_row(each.row, RowStatus.ERROR, refusal.code, refusal.detail))
        elif each.draft.external_id in seen:
            where = "in the portfolio" if each.draft.external_id in booked else "in this file"
            detail = f"A transaction with the id {each.draft.external_id} is {where} already."
            said.append(_row(each.row, RowStatus.DUPLICATE, "duplicate", detail))
        else:
            fresh.append((each.row, each.draft))
            seen.add(each.draft.external_id or "")
    return fresh, said


def _unknown(fresh: Sequence[tuple[Row, Draft]], known: set[str]) -> dict[str, tuple[str, str]]:
    """Name and currency of each symbol that nobody knows."""
    found: dict[str, tuple[str, str]] = {}
    for row, draft in fresh:
        if draft.symbol is not None and draft.symbol not in known:
            name = clean(row.cells.get("name", ""), 200) or draft.symbol
            found.setdefault(draft.symbol, (name, draft.currency))
        if draft.related_symbol is not None and draft.related_symbol not in known:
            found.setdefault(draft.related_symbol, (draft.related_symbol, draft.currency))
    return found


def _judgement(row: Row, draft: Draft, refused: BookingRefused | None, unknown: dict[str, tuple[str, str]]) -> Said:
    if refused is not None:
        return _row(row, RowStatus.ERROR, refused.rule, refused.detail)
    if draft.symbol in unknown:
        detail = f"Booked; {draft.symbol} is a draft instrument now: give it prices."
        return _row(row, RowStatus.DRAFT_INSTRUMENT, "draft_instrument", detail)
    return _row(row, RowStatus.BOOKED, "booked", "Booked.")


def _row(row: Row, status: RowStatus, code: str, detail: str) -> Said:
    return Said(row.number, status, code, detail, row.source)


def _summary(import_id: UUID, asked: ImportParameters, content: bytes, judged: Judged, now: datetime) -> ImportSummary:
    counts = Counter(row.status for row in judged.rows)
    return ImportSummary(
        id=import_id,
        portfolio_id=asked.portfolio_id,
        preset="mapping" if asked.mapping_id else asked.preset.value,
        file_sha256=hashlib.sha256(content).hexdigest(),
        row_count=len(judged.rows),
        booked=counts[RowStatus.BOOKED] + counts[RowStatus.DRAFT_INSTRUMENT],
        duplicates=counts[RowStatus.DUPLICATE],
        errors=counts[RowStatus.ERROR],
        drafts=sorted(judged.unknown),
        created_at=now,
    )


def _report(
    summary: ImportSummary, asked: ImportParameters, judged: Judged, balances: list[str], warnings: list[str]
) -> ImportReport:
    told = sorted(judged.rows, key=lambda each: each.status is RowStatus.BOOKED)[:REPORT_ROWS]
    fields = summary.model_dump()
    if asked.dry_run:
        fields["id"] = None
    return ImportReport(
        **fields,
        dry_run=asked.dry_run,
        opening_balances=balances,
        warnings=warnings,
        rows=[RowOut(**asdict(each)) for each in sorted(told, key=lambda each: each.row)],
        has_more_rows=len(judged.rows) > REPORT_ROWS,
    )


def _opening(short: Shortage, summary: ImportSummary) -> Draft:
    return Draft(
        kind=Kind.DEPOSIT,
        occurred_at=datetime.combine(short.day, time(), UTC),
        currency=short.currency,
        amount_minor=short.minor,
        external_id=f"opening:{short.currency}:{summary.file_sha256[:32]}",
        source="import",
        import_id=summary.id,
        note="Opening balance: the imported file takes out more than it brings in.",
    )


def _said(draft: Draft) -> str:
    amount = from_minor(draft.amount_minor or 0, draft.currency)
    return f"{amount:f} {draft.currency} on {draft.occurred_at.date()}"


def _told(short: Shortage) -> str:
    amount = from_minor(short.minor, short.currency)
    return f"{short.currency}: cash falls below zero on {short.day}, at its lowest {amount:f} are missing."
