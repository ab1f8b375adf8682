"""Conversions between the currencies that an account holds, at the newest dated rate, in the caller's transaction."""

from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Final
from uuid import UUID

from lakehouse.clock import Clock
from lakehouse.domain.currency import from_minor
from lakehouse.portfolio.fx import STALE_DAYS, Rate, exchanged
from lakehouse.portfolio.transactions import Draft, Kind
from lakehouse.stores.books.booking import BookingRefused, Books, book
from lakehouse.stores.books.newest import newest_rates
from lakehouse.stores.postgres import Transaction, rows_of

KEPT: Final = Decimal("0.00000001")
LARGEST_RATE: Final = Decimal(10**10)


@dataclass(frozen=True, slots=True)
class Conversion:
    """What is wanted: `amount_minor` of `currency` given for `to_currency`.

    `max_rate` is the most of `currency` that one unit of `to_currency` may cost, `min_receive_minor` the least of
    `to_currency` that must come of it; None does not mind.
    """

    currency: str
    amount_minor: int
    to_currency: str
    max_rate: Decimal | None = None
    min_receive_minor: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Converted:
    """A conversion as it was booked; the rate is units of `to_currency` for one of `currency`."""

    transaction_id: UUID
    rate: Rate
    received_minor: int


async def convert(connection: Transaction, books: Books, asked: Conversion, *, clock: Clock) -> Converted:
    """Convert at the newest rate on or before today: direct, inverted, or across USD or EUR.

    What is received is amount * rate, rounded half to even to the minor unit, once. Raises BookingRefused
    (same_currency, rate_missing, rate_stale, rate_beyond_limit, received_not_positive, rate_out_of_range),
    IntegrityError (ledger_account_no_overdraft, ledger_account_reserved_covered) and CurrencyError.
    """
    rate = await _rate(connection, asked, clock)
    received = exchanged(asked.amount_minor, asked.currency, asked.to_currency, rate.value)
    _check_limits(asked, rate, received)
    draft = Draft(
        kind=Kind.CONVERSION,
        occurred_at=clock.now(),
        currency=asked.currency,
        amount_minor=asked.amount_minor,
        fx_rate=rate.value.quantize(KEPT),
        to_currency=asked.to_currency,
        to_minor=received,
        note=asked.note,
    )
    made = await book(connection, books, [draft], clock=clock)
    return Converted(made[0], rate, received)


async def _rate(connection: Transaction, asked: Conversion, clock: Clock) -> Rate:
    pair = f"{asked.currency}/{asked.to_currency}"
    today = clock.now().date()
    if asked.currency == asked.to_currency:
        raise BookingRefused("same_currency", 0, "A conversion is between two currencies.")
    rates = await newest_rates(partial(rows_of, connection), (asked.currency, asked.to_currency), today)
    rate = rates.find(asked.currency, asked.to_currency, today)
    if rate is None:
        raise BookingRefused("rate_missing", 0, f"There is no rate of {pair} on or before {today}.")
    if rate.is_stale(today):
        detail = f"The newest rate of {pair} is of {rate.as_of}, more than {STALE_DAYS} days ago."
        raise BookingRefused("rate_stale", 0, detail)
    if not KEPT <= rate.value < LARGEST_RATE:
        raise BookingRefused("rate_out_of_range", 0, f"The rate of {pair}, {rate.value:f}, is not one the books keep.")
    return rate


def _check_limits(asked: Conversion, rate: Rate, received: int) -> None:
    amount = f"{from_minor(received, asked.to_currency)} {asked.to_currency}"
    if asked.max_rate is not None and asked.max_rate * rate.value < 1:
        detail = f"One {asked.to_currency} costs {1 / rate.value:.8f} {asked.currency} at the rate of {rate.as_of}."
        raise BookingRefused("rate_beyond_limit", 0, detail + " Nothing was converted.")
    if asked.min_receive_minor is not None and received < asked.min_receive_minor:
        detail = f"It brings {amount} at the rate of {rate.as_of}. Nothing was converted."
        raise BookingRefused("rate_beyond_limit", 0, detail)
