"""Holdings and closes as matrices, with everything doubtful refused: what all methods measure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.portfolio.fx import Rates, line, pair_of, symbol_of
from lakehouse.risk.checks import FloatArray, InsufficientHistory
from lakehouse.risk.monte_carlo import Labels
from lakehouse.risk.returns import AlignedPrices, align, comparable, simple_returns, unbroken
from spark_jobs.kit.errors import DataError
from spark_jobs.kit.holdings import Held, Holder, Portfolio, Unmeasured, copied, held_by, valued
from spark_jobs.kit.rates import NO_RATES, rate_on, rates_on
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

    `symbols` (N,) name lines: an instrument priced in another currency than a portfolio's has one for each such
    currency (portfolio.fx.line), and its returns are those of its price and of the exchange rate together,
    (1 + price's) (1 + rate's) - 1. `dates` (T,) the day that each return ends on, ascending; `returns` (T, N) simple;
    `exposures` (N, P) quantity times multiplier and close of the last date, base currency; `values` (P,) exact to the
    cent. `dropped` counts earlier dates left out because at least one instrument had no close on them. `unmeasured` are
    those who hold something that has no place here, with the reason. `rates` of the last date, by line, where a line's
    price is of another currency.
    """

    portfolios: tuple[Portfolio, ...]
    symbols: tuple[str, ...]
    dates: tuple[date, ...]
    returns: FloatArray
    exposures: FloatArray
    values: tuple[Decimal, ...]
    dropped: int
    unmeasured: tuple[Holder, ...] = ()
    rates: Mapping[str, float] = field(default_factory=dict)

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
    rates: Rates = NO_RATES,
) -> Book:
    """Holdings and closes up to `day` as a book with exactly `returns_needed` returns, the last one ending on `day`.

    A split or dividend between two closes is no loss: see `levels`. `multiplier` of a symbol: units that one contract
    of it stands for. A portfolio with a holding that has no close on `day`, too few before it, or no exchange rate to
    its own currency on one of the dates is among `unmeasured`, and what only such hold has no say in the others' dates.
    So is, where all have too few dates in common, who holds the instrument that has fewest of the others' dates.
    Returns are taken after dates that not all instruments have are dropped, so that each spans the same days for all.
    Raises NoHoldingsError, NothingMeasurableError, and what lakehouse.risk refuses.
    """
    held_symbols(holdings, day)
    known = current(closes)
    market = _Market(day, returns_needed + 1, _prices_on(known, day, multiplier), _spans(known), rates)
    found = valued(copied(holdings).values(), market.worth, market.line)
    unmeasured = [holder for holder in found.holders if holder.reason]
    fit = [holder for holder in found.holders if not holder.reason]
    while True:
        if not fit:
            raise NothingMeasurableError(unmeasured, day)
        held = held_by(fit)
        try:
            aligned = _aligned(known, held, returns_needed + 1)
        except InsufficientHistory as error:
            lacking = _rarest(known, held, error)
        else:
            converted, lacking = _converted(held, aligned, rates)
            if not lacking:
                break
        # Those that are left may have other dates in common: what was found for one set of holders is so for it alone.
        judged = _told(fit, lacking)
        unmeasured += [holder for holder in judged if holder.reason]
        fit = [holder for holder in judged if not holder.reason]
    return Book(
        portfolios=held.holders,
        symbols=held.symbols,
        dates=tuple(aligned.dates[1:].tolist()),
        returns=simple_returns(converted),
        exposures=held.exposures,
        values=tuple(holder.value for holder in held.holders if holder.value is not None),
        dropped=aligned.dropped,
        unmeasured=tuple(unmeasured),
        rates={each: float(rate_on(rates, pair, day)) for each in held.symbols if (pair := pair_of(each))},
    )


@dataclass(frozen=True, slots=True)
class _Market:
    """What units are worth on `day`, and whether there is history enough behind them."""

    day: date
    needed: int
    prices: Mapping[str, tuple[Decimal, str]]
    spans: Mapping[str, tuple[int, date, date]]
    rates: Rates

    def line(self, portfolio: Portfolio, symbol: str) -> str:
        """See kit.holdings.Line."""
        return line(symbol, self.prices[symbol][1], portfolio.base_currency)

    def worth(self, portfolio: Portfolio, symbol: str, units: Decimal) -> Decimal:
        """See kit.holdings.Worth."""
        if symbol not in self.prices:
            raise Unmeasured(
                f"{symbol} has no close of {self.day}: ingest the bar and run silver_daily_bars and returns_daily; or "
                f"close the position, {COPY_ANEW}"
            )
        price, currency = self.prices[symbol]
        count, first, last = self.spans[symbol]
        if count < self.needed:
            raise Unmeasured(
                f"{symbol} has {count} closes, {first} to {last}, and {self.needed} are needed: ingest a longer "
                f"history; or close the position, {COPY_ANEW}"
            )
        worth, base = units * price, portfolio.base_currency
        return worth if currency == base else worth * rate_on(self.rates, (currency, base), self.day)


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


def _aligned(closes: pa.Table, held: Held, needed: int) -> AlignedPrices:
    """The newest `needed` common dates of what is held. Raises InsufficientHistory."""
    used = _used(closes, held)
    found = align(
        symbols=used["symbol"].to_numpy(),
        dates=used["business_date"].to_numpy(),
        prices=levels(used),
        required=needed,
    )
    return replace(found, dates=found.dates[-needed:], prices=found.prices[-needed:])


def _used(closes: pa.Table, held: Held) -> pa.Table:
    return closes.filter(pc.is_in(closes["symbol"], pa.array(sorted({symbol_of(each) for each in held.symbols}))))


def _rarest(closes: pa.Table, held: Held, error: InsufficientHistory) -> dict[str, str]:
    """The lines of the instrument with the fewest closes on days that half of those held, or more, have; and why."""
    used = _used(closes, held)
    symbols = sorted({symbol_of(each) for each in held.symbols})
    days = used.group_by("business_date").aggregate([("symbol", "count")])
    usual = days["business_date"].filter(pc.greater_equal(pc.multiply(days["symbol_count"], 2), len(symbols)))
    counts = pc.value_counts(used["symbol"].filter(pc.is_in(used["business_date"], usual.combine_chunks()))).to_pylist()
    known = {row["values"]: row["counts"] for row in counts}
    rarest = min(symbols, key=lambda symbol: (known.get(symbol, 0), symbol))
    reason = (
        f"{rarest} has closes on {known.get(rarest, 0)} of the {len(usual)} days that most holdings have: with it "
        f"{error.observations} dates are common to all, and {error.required} are needed. Ingest what it lacks; or "
        f"close the position, {COPY_ANEW}"
    )
    return {each: reason for each in held.symbols if symbol_of(each) == rarest}


def _converted(held: Held, aligned: AlignedPrices, rates: Rates) -> tuple[FloatArray, dict[str, str]]:
    """Prices (T, N) of every line in the currency that it is measured in, and why some lines have none."""
    place = {symbol: number for number, symbol in enumerate(aligned.symbols)}
    prices = aligned.prices[:, [place[symbol_of(each)] for each in held.symbols]]
    days: list[date] = aligned.dates.tolist()
    factors: dict[tuple[str, str], FloatArray | str] = {}
    lacking: dict[str, str] = {}
    for column, each in enumerate(held.symbols):
        if (pair := pair_of(each)) is None:
            continue
        if pair not in factors:
            factors[pair] = _factor(rates, pair, days)
        factor = factors[pair]
        if isinstance(factor, str):
            lacking[each] = factor
        else:
            prices[:, column] *= factor
    return prices, lacking


def _factor(rates: Rates, pair: tuple[str, str], days: Sequence[date]) -> FloatArray | str:
    try:
        return rates_on(rates, pair, days)
    except Unmeasured as error:
        return str(error)


def _told(holders: Iterable[Holder], lacking: Mapping[str, str]) -> list[Holder]:
    """The holders, of which those that hold something lacking have the reason and no worth."""
    found = []
    for holder in holders:
        reasons = dict.fromkeys(lacking[each] for each in holder.exposures if each in lacking)
        found.append(replace(holder, value=None, exposures={}, reason="; ".join(reasons)) if reasons else holder)
    return found


def current(closes: pa.Table) -> pa.Table:
    """The closes of each instrument since its series last began anew: what was before is not comparable."""
    kept = unbroken(
        symbols=closes["symbol"].to_numpy(),
        dates=closes["business_date"].to_numpy(),
        previous=closes["previous_date"].to_numpy(),
    )
    return closes if kept.all() else closes.filter(pa.array(kept))


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
