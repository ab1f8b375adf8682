"""Holdings and closes as matrices, with everything doubtful refused: what all methods measure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.risk.checks import FloatArray
from lakehouse.risk.monte_carlo import Labels
from lakehouse.risk.returns import AlignedPrices, align, comparable, simple_returns
from spark_jobs.kit.errors import DataError
from spark_jobs.kit.holdings import Holder, Portfolio, Unmeasured, copied, held_by, valued
from spark_jobs.var_batch.valuation import contract_price

COPY_ANEW = "and copy the date's holdings anew by positions_daily --rebuild"
TOLD = 3


class NoHoldingsError(DataError):
    """Nobody holds anything on the business date."""


class NothingMeasurableError(DataError):
    """No portfolio at all can be measured: the market is missing, and not one portfolio's price. Carries the
    `reasons`."""

    def __init__(self, unmeasured: Sequence[Holder], day: date) -> None:
        self.reasons = tuple(dict.fromkeys(each.reason for each in unmeasured))
        told = "; ".join(self.reasons[:TOLD])
        super().__init__(f"none of {len(unmeasured)} portfolios can be measured as of {day}: {told}")


@dataclass(frozen=True, slots=True)
class Book:
    """P portfolios of N instruments over T daily returns.

    `dates` (T,) the day that each return ends on, ascending; `returns` (T, N) simple; `exposures` (N, P) quantity
    times multiplier and close of the last date, base currency; `values` (P,) exact to the cent. `dropped` counts
    earlier dates left out because at least one instrument had no close on them. `unmeasured` are those who hold
    something that has no place here, with the reason.
    """

    portfolios: tuple[Portfolio, ...]
    symbols: tuple[str, ...]
    dates: tuple[date, ...]
    returns: FloatArray
    exposures: FloatArray
    values: tuple[Decimal, ...]
    dropped: int
    unmeasured: tuple[Holder, ...] = ()

    @property
    def labels(self) -> Labels:
        """What the random numbers behind its scenarios go by."""
        return Labels.of(self.symbols, self.dates)


def one_unit(_: str) -> Decimal:
    """The multiplier of what is no contract."""
    return Decimal(1)


def held_symbols(holdings: pa.Table, day: date) -> tuple[str, ...]:
    """The instruments held, sorted. Raises NoHoldingsError."""
    if holdings.num_rows == 0:
        raise NoHoldingsError(f"silver.positions_v1 holds no position as of {day}: run positions_daily, or open one")
    return tuple(sorted(set(holdings["symbol"].to_pylist())))


def assemble(
    holdings: pa.Table,
    closes: pa.Table,
    day: date,
    returns_needed: int,
    *,
    multiplier: Callable[[str], Decimal] = one_unit,
) -> Book:
    """Holdings and closes up to `day` as a book with exactly `returns_needed` returns, the last one ending on `day`.

    A split or dividend between two closes is no loss: see `levels`. `multiplier` of a symbol: units that one contract
    of it stands for. A portfolio with a holding that has no close on `day`, too few before it, or another currency than
    its own is among `unmeasured`, and what only such hold has no say in the others' dates. Returns are taken after
    dates that not all instruments have are dropped, so that each spans the same days for all.
    Raises NoHoldingsError, NothingMeasurableError, and what lakehouse.risk refuses.
    """
    held_symbols(holdings, day)
    market = _Market(day, returns_needed + 1, _prices_on(closes, day, multiplier), _spans(closes))
    found = valued(copied(holdings).values(), market.worth)
    unmeasured = tuple(holder for holder in found.holders if holder.reason)
    held = held_by(holder for holder in found.holders if not holder.reason)
    if not held.holders:
        raise NothingMeasurableError(unmeasured, day)
    aligned = _aligned(closes, held.symbols, returns_needed + 1)
    return Book(
        portfolios=held.holders,
        symbols=held.symbols,
        dates=tuple(aligned.dates[-returns_needed:].tolist()),
        returns=simple_returns(aligned.prices[-(returns_needed + 1) :]),
        exposures=held.exposures,
        values=tuple(holder.value for holder in held.holders if holder.value is not None),
        dropped=aligned.dropped,
        unmeasured=unmeasured,
    )


@dataclass(frozen=True, slots=True)
class _Market:
    """What units are worth on `day`, and whether there is history enough behind them."""

    day: date
    needed: int
    prices: Mapping[str, tuple[Decimal, str]]
    spans: Mapping[str, tuple[int, date, date]]

    def worth(self, portfolio: Portfolio, symbol: str, units: Decimal) -> Decimal:
        """See kit.holdings.Worth."""
        if symbol not in self.prices:
            raise Unmeasured(
                f"{symbol} has no close of {self.day}: ingest the bar and run silver_daily_bars and returns_daily; or "
                f"close the position, {COPY_ANEW}"
            )
        price, currency = self.prices[symbol]
        if currency != portfolio.base_currency:
            raise Unmeasured(
                f"{symbol} is priced in {currency}, and its history has no exchange rates to "
                f"{portfolio.base_currency}: move the position to a portfolio in {currency}, {COPY_ANEW}"
            )
        count, first, last = self.spans[symbol]
        if count < self.needed:
            raise Unmeasured(
                f"{symbol} has {count} closes, {first} to {last}, and {self.needed} are needed: ingest a longer "
                f"history; or close the position, {COPY_ANEW}"
            )
        return units * price


def _prices_on(closes: pa.Table, day: date, multiplier: Callable[[str], Decimal]) -> dict[str, tuple[Decimal, str]]:
    """Price of one contract, and its currency, by symbol."""
    today = closes.filter(pc.equal(closes["business_date"], pa.scalar(day)))
    columns = (today[name].to_pylist() for name in ("symbol", "close", "currency"))
    return {
        symbol: (contract_price(close, multiplier(symbol)), currency)
        for symbol, close, currency in zip(*columns, strict=True)
    }


def _spans(closes: pa.Table) -> dict[str, tuple[int, date, date]]:
    """Number of closes, first and last day, by symbol."""
    spans = closes.group_by("symbol").aggregate(
        [("business_date", "count"), ("business_date", "min"), ("business_date", "max")]
    )
    return {
        row["symbol"]: (row["business_date_count"], row["business_date_min"], row["business_date_max"])
        for row in spans.to_pylist()
    }


def _aligned(closes: pa.Table, symbols: tuple[str, ...], needed: int) -> AlignedPrices:
    used = closes.filter(pc.is_in(closes["symbol"], pa.array(symbols)))
    return align(
        symbols=used["symbol"].to_numpy(),
        dates=used["business_date"].to_numpy(),
        prices=levels(used),
        required=needed,
    )


def levels(closes: pa.Table) -> FloatArray:
    """Closes of gold.returns_daily_v1 (symbol, business_date, previous_date, close, simple_return) as they compare
    with each instrument's last one: returns are adjusted for corporate actions, closes are not."""
    return comparable(
        symbols=closes["symbol"].to_numpy(),
        dates=closes["business_date"].to_numpy(),
        previous=closes["previous_date"].to_numpy(),
        prices=pc.cast(closes["close"], pa.float64()).to_numpy(),
        returns=closes["simple_return"].to_numpy(),
    )
