"""A seed is one transaction: portfolio, account, bookings and the event of it, or nothing."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from lakehouse.clock import Clock
from lakehouse.domain.currency import to_minor
from lakehouse.domain.ids import uuid7
from lakehouse.portfolio.transactions import Draft, Kind
from lakehouse.stores.books.booking import BookingRefused, book, open_books
from lakehouse.stores.books.outbox import Event, emit
from lakehouse.stores.postgres import Transaction
from serving.audit.log import record
from serving.instruments.drafts import add_drafts
from serving.kit.access import Principal
from serving.kit.problems import ApiError
from serving.kit.types import money_of
from serving.portfolios.schemas import PortfolioIn, PortfolioOut
from serving.portfolios.service import PortfolioService
from serving.seed import repository
from serving.seed.schemas import SeedCash, SeedIn, SeedOut, SeedTrade

TOPIC: Final = "portfolio.events"
SEEDED: Final = "portfolio.seeded"


class SeedRefused(ApiError):
    """The books refuse one of the seed's lines: nothing was written."""

    status = 409
    code = "seed_refused"
    title = "The books refuse a line of the seed"


class SeedPortfolios(PortfolioService):
    """Portfolios made inside the transaction of a seed."""

    async def open_in(self, connection: Transaction, principal: Principal, item: PortfolioIn) -> PortfolioOut:
        """The portfolio, written and announced. Raises ApiError and IntegrityError."""
        row = (await self._rows(connection, principal, [item]))[0]
        if isinstance(row, ApiError):
            raise row
        return (await self._insert(connection, principal, [row]))[0]

    async def audit(
        self, connection: Transaction, principal: Principal, action: str, rows: Sequence[PortfolioOut]
    ) -> None:
        """The seed is audited at its end: the lock of the log, held while instruments are made, could be in a cycle."""


class SeedService:
    """Makes portfolios with what is in them."""

    def __init__(self, portfolios: SeedPortfolios, clock: Clock) -> None:
        self._portfolios = portfolios
        self._clock = clock

    async def seed(self, connection: Transaction, principal: Principal, given: SeedIn) -> SeedOut:
        """Everything, in the caller's transaction. Raises SeedRefused, ApiError, CurrencyError and IntegrityError."""
        item = PortfolioIn(
            name=given.name, description=given.description, base_currency=given.base_currency, account_id=None
        )
        portfolio = await self._portfolios.open_in(connection, principal, item)
        wanted = {symbol: (symbol, currency) for symbol, currency in _wanted(given).items()}
        drafts = await add_drafts(connection, wanted, creator=principal.user_id, clock=self._clock)
        currencies = await repository.currencies_of(connection, wanted)
        lines = _drafts(given, currencies, self._clock.now())
        booked = await self._book(connection, portfolio, lines)
        event_id = await self._announce(connection, portfolio, given)
        cash = await repository.cash_of(connection, portfolio.account_id)
        told = {"transactions": booked, "drafts": sorted(drafts)}
        await record(
            connection,
            principal,
            "portfolio.seeded",
            clock=self._clock,
            object_kind="portfolio",
            object_id=portfolio.id,
            after=told,
        )
        return SeedOut(
            portfolio_id=portfolio.id,
            account_id=portfolio.account_id,
            transactions=booked,
            positions=await repository.held_in(connection, portfolio.id),
            cash=[money_of(row.balance_minor, row.currency) for row in cash],
            drafts=sorted(drafts),
            event_id=event_id,
            created_at=portfolio.created_at,
        )

    async def _book(self, connection: Transaction, portfolio: PortfolioOut, lines: list[Draft]) -> int:
        books = await open_books(connection, portfolio.id, owner_id=portfolio.owner_id)
        if books is None:
            raise SeedRefused("The portfolio vanished while it was seeded; send the seed again.")
        try:
            return len(await book(connection, books, lines, clock=self._clock))
        except BookingRefused as error:
            raise SeedRefused(f"Line {error.index} in order of time ({error.rule}): {error.detail}") from error

    async def _announce(self, connection: Transaction, portfolio: PortfolioOut, given: SeedIn) -> UUID:
        """The event of the seeds: type, portfolio_id and the whole document."""
        event_id = uuid7(self._clock)
        payload = {"type": SEEDED, "portfolio_id": str(portfolio.id), "payload": given.model_dump(mode="json")}
        event = Event(
            event_id=event_id,
            topic=TOPIC,
            key=str(portfolio.id),
            type=SEEDED,
            owner_id=portfolio.owner_id,
            payload=payload,
            occurred_at=self._clock.now(),
        )
        await emit(connection, event)
        return event_id


def _wanted(given: SeedIn) -> dict[str, str]:
    """Symbols with the currency that an unknown one would get."""
    base = given.base_currency
    trades = [line for line in given.transactions if isinstance(line, SeedTrade)]
    traded = {line.symbol: line.currency or base for line in trades}
    return dict(sorted({**traded, **{each.symbol: each.currency or base for each in given.positions}}.items()))


def _drafts(given: SeedIn, currencies: dict[str, str], now: datetime) -> list[Draft]:
    """Openings first, then what happened, by time: a sale may need what was bought in the same instant."""
    opened = given.opened_at or min([now, *(line.occurred_at for line in given.transactions)])
    openings = [
        *(_opening_cash(money.minor, money.currency, opened) for money in given.cash),
        *(
            Draft(
                kind=Kind.TRANSFER_IN,
                occurred_at=opened,
                currency=currencies[each.symbol],
                symbol=each.symbol,
                quantity=each.quantity,
                price=each.price,
                source="seed",
            )
            for each in given.positions
        ),
    ]
    later = [_line(line, given.base_currency) for line in given.transactions]
    return sorted([*openings, *later], key=lambda draft: draft.occurred_at)


def _opening_cash(minor: int, currency: str, opened: datetime) -> Draft:
    return Draft(kind=Kind.DEPOSIT, occurred_at=opened, currency=currency, amount_minor=minor, source="seed")


def _line(line: SeedTrade | SeedCash, base: str) -> Draft:
    currency = line.currency or base
    fee = _minor(line.fee, currency)
    if isinstance(line, SeedCash):
        return Draft(
            kind=line.kind,
            occurred_at=line.occurred_at,
            currency=currency,
            amount_minor=_minor(line.amount, currency),
            fee_minor=fee,
            source="seed",
        )
    return Draft(
        kind=line.kind,
        occurred_at=line.occurred_at,
        currency=currency,
        symbol=line.symbol,
        quantity=line.quantity,
        price=line.price,
        fx_rate=line.fx_rate,
        fee_minor=fee,
        source="seed",
    )


def _minor(amount: Decimal, currency: str) -> int:
    return to_minor(amount, currency)
