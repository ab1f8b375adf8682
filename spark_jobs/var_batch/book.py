"""Holdings and closes as matrices, with everything doubtful refused: what all methods measure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.risk.checks import FloatArray
from lakehouse.risk.monte_carlo import Labels
from lakehouse.risk.returns import AlignedPrices, align, comparable, simple_returns
from spark_jobs.kit.errors import DataError
from spark_jobs.var_batch.valuation import contract_price, exact_value

COPY_ANEW = "and copy the date's holdings anew by positions_daily --rebuild"


class NoHoldingsError(DataError):
    """Nobody holds anything on the business date."""


class CurrencyMismatchError(DataError):
    """A portfolio holds an instrument that is priced in another currency. Carries `portfolio` and `symbol`."""

    def __init__(self, portfolio: str, symbol: str, priced: str, base: str) -> None:
        self.portfolio, self.symbol = portfolio, symbol
        super().__init__(
            f"portfolio {portfolio} reports in {base} but holds {symbol}, priced in {priced}: there are no exchange "
            f"rates yet; move the position to a portfolio in its own currency, {COPY_ANEW}"
        )


class PriceMissingError(DataError):
    """A holding has no close on the business date. Carries the `symbols`."""

    def __init__(self, symbols: Sequence[str], day: date) -> None:
        self.symbols = tuple(symbols)
        super().__init__(
            f"{', '.join(symbols)} held but without a close on {day}: ingest the bar and run silver_daily_bars and "
            f"returns_daily; or close the position, {COPY_ANEW}"
        )


class HistoryTooShortError(DataError):
    """An instrument has fewer closes than the window and the backtest need. Carries the `symbols`."""

    def __init__(self, needed: int, found: Mapping[str, tuple[int, date, date]]) -> None:
        self.symbols = tuple(found)
        told = "; ".join(f"{symbol} has {count}, {first} to {last}" for symbol, (count, first, last) in found.items())
        super().__init__(
            f"{needed} closes are needed behind every holding: {told}. Ingest a longer history; or "
            f"close the position, {COPY_ANEW}"
        )


@dataclass(frozen=True, slots=True)
class Portfolio:
    """Who holds: identity and the currency of its reports."""

    id: str
    name: str
    base_currency: str


@dataclass(frozen=True, slots=True)
class Book:
    """P portfolios of N instruments over T daily returns.

    `dates` (T,) the day that each return ends on, ascending; `returns` (T, N) simple; `exposures` (N, P) quantity
    times multiplier and close of the last date, base currency; `values` (P,) exact to the cent. `dropped` counts
    earlier dates left out because at least one instrument had no close on them.
    """

    portfolios: tuple[Portfolio, ...]
    symbols: tuple[str, ...]
    dates: tuple[date, ...]
    returns: FloatArray
    exposures: FloatArray
    values: tuple[Decimal, ...]
    dropped: int

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
    of it stands for. Returns are taken after dates that not all instruments have are dropped, so that each spans the
    same days for all.
    Raises PriceMissingError, CurrencyMismatchError, HistoryTooShortError, and what lakehouse.risk refuses.
    """
    symbols = held_symbols(holdings, day)
    prices = _prices_on(closes, day, multiplier)
    if missing := [symbol for symbol in symbols if symbol not in prices]:
        raise PriceMissingError(missing, day)
    _require_currency(holdings, prices)
    aligned = _aligned(closes, returns_needed + 1)
    portfolios, exposures, values = _exposures(holdings, symbols, prices)
    window = aligned.prices[-(returns_needed + 1) :]
    return Book(
        portfolios=portfolios,
        symbols=symbols,
        dates=tuple(aligned.dates[-returns_needed:].tolist()),
        returns=simple_returns(window),
        exposures=exposures,
        values=values,
        dropped=aligned.dropped,
    )


def _prices_on(closes: pa.Table, day: date, multiplier: Callable[[str], Decimal]) -> dict[str, tuple[Decimal, str]]:
    """Price of one contract, and its currency, by symbol."""
    today = closes.filter(pc.equal(closes["business_date"], pa.scalar(day)))
    columns = (today[name].to_pylist() for name in ("symbol", "close", "currency"))
    return {
        symbol: (contract_price(close, multiplier(symbol)), currency)
        for symbol, close, currency in zip(*columns, strict=True)
    }


def _require_currency(holdings: pa.Table, prices: Mapping[str, tuple[Decimal, str]]) -> None:
    for name, symbol, base in zip(
        *(holdings[column].to_pylist() for column in ("portfolio_name", "symbol", "base_currency")), strict=True
    ):
        if (priced := prices[symbol][1]) != base:
            raise CurrencyMismatchError(name, symbol, priced, base)


def _aligned(closes: pa.Table, needed: int) -> AlignedPrices:
    spans = closes.group_by("symbol").aggregate(
        [("business_date", "count"), ("business_date", "min"), ("business_date", "max")]
    )
    short = {
        row["symbol"]: (row["business_date_count"], row["business_date_min"], row["business_date_max"])
        for row in spans.to_pylist()
        if row["business_date_count"] < needed
    }
    if short:
        raise HistoryTooShortError(needed, dict(sorted(short.items())))
    return align(
        symbols=closes["symbol"].to_numpy(),
        dates=closes["business_date"].to_numpy(),
        prices=levels(closes),
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


def _exposures(
    holdings: pa.Table, symbols: tuple[str, ...], prices: Mapping[str, tuple[Decimal, str]]
) -> tuple[tuple[Portfolio, ...], FloatArray, tuple[Decimal, ...]]:
    held: dict[Portfolio, list[tuple[str, Decimal]]] = {}
    for row in holdings.sort_by([("portfolio_id", "ascending"), ("symbol", "ascending")]).to_pylist():
        portfolio = Portfolio(row["portfolio_id"], row["portfolio_name"], row["base_currency"])
        held.setdefault(portfolio, []).append((row["symbol"], row["quantity"]))
    position = {symbol: number for number, symbol in enumerate(symbols)}
    exposures = np.zeros((len(symbols), len(held)))
    for column, lines in enumerate(held.values()):
        for symbol, quantity in lines:
            exposures[position[symbol], column] = float(quantity * prices[symbol][0])
    values = tuple(
        exact_value([(quantity, prices[symbol][0]) for symbol, quantity in lines]) for lines in held.values()
    )
    return tuple(held), exposures, values
