"""Positions as books that can be revalued: what each is priced from, and where every input comes from. Pure.

QuantLib is loaded by the first bond or American option.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import partial

import numpy as np

from lakehouse.pricing import (
    InvalidInput,
    OptionTerms,
    PriceOutsideBounds,
    PricingError,
    implied_volatility,
    option_market,
    option_terms,
    years_to,
)
from lakehouse.pricing.bond_terms import BondTerms, DayCount, flows_after
from lakehouse.pricing.curve import flat_curve
from lakehouse.pricing.discounting import yields_from_prices
from lakehouse.pricing.options import OptionMarket
from lakehouse.risk.checks import FloatArray
from lakehouse.risk.revaluation import BondBook, Book, LinearBook, Money, OptionBook
from lakehouse.risk.slopes import NONE, FactorNumbers
from serving.risk.history import STALE_DAYS, Closes, NotComputable

AMERICAN = "american"
PER_HUNDRED = 100.0


class Kind(StrEnum):
    """How an instrument is valued: by its close, or by its terms."""

    LINEAR = "linear"
    OPTION = "option"
    BOND = "bond"


class Model(StrEnum):
    """What prices a position: its close; closed form; the exercise boundary; its payments at a yield, to maturity."""

    CLOSE = "close"
    BLACK_SCHOLES_MERTON = "black_scholes_merton"
    ANDERSEN_LAKE_OFFENGENDEN = "andersen_lake_offengenden"
    DISCOUNTED_PAYMENTS = "discounted_payments"


class InputName(StrEnum):
    """What a position is priced from, and what its money is in base currency."""

    PRICE = "price"
    VOLATILITY = "volatility"
    RATE = "rate"
    DIVIDEND_YIELD = "dividend_yield"
    BOND_YIELD = "bond_yield"
    EXCHANGE_RATE = "exchange_rate"


class InputSource(StrEnum):
    """Where a number comes from: the request; a close, or the day's rate; a close that it was implied by; or nowhere,
    and it is 0."""

    REQUEST = "request"
    CLOSE = "close"
    IMPLIED = "implied"
    ASSUMED = "assumed"


@dataclass(frozen=True, slots=True)
class Option:
    """Terms of an option, as stored in app.option_contract."""

    symbol: str
    underlying: str
    option_right: str
    style: str
    strike: Decimal
    expires_on: date

    def terms(self, on: date) -> OptionTerms:
        """For pricing, as of a day. Raises InvalidInput once it has expired."""
        return option_terms(right=self.option_right, strike=float(self.strike), years=years_to(self.expires_on, on=on))


@dataclass(frozen=True, slots=True)
class Bond:
    """Terms of a bond, as stored in app.bond."""

    symbol: str
    face_value: Decimal
    coupon_rate: Decimal
    coupons_per_year: int
    day_count: str
    issued_on: date
    matures_on: date

    @property
    def terms(self) -> BondTerms:
        """For pricing. Raises InvalidInput where they contradict each other."""
        return BondTerms(
            float(self.coupon_rate), self.coupons_per_year, DayCount(self.day_count), self.issued_on, self.matures_on
        )

    def clean(self, price: FloatArray, multiplier: Decimal) -> FloatArray:
        """Closes as clean prices per 100 of face: a unit is worth close times multiplier, and repays its face."""
        return price * float(multiplier / self.face_value) * PER_HUNDRED


@dataclass(frozen=True, slots=True)
class Position:
    """Units of an instrument, negative for a short, with the terms of an option or a bond."""

    symbol: str
    quantity: Decimal
    multiplier: Decimal
    currency: str
    terms: Option | Bond | None = None

    @property
    def kind(self) -> Kind:
        """How it is valued."""
        return {Option: Kind.OPTION, Bond: Kind.BOND}.get(type(self.terms), Kind.LINEAR)


@dataclass(frozen=True, slots=True)
class Given:
    """What a request says of one instrument; None where it says nothing. `yields_of`: the bond whose yield it moves
    with."""

    volatility: Decimal | None = None
    rate: Decimal | None = None
    dividend_yield: Decimal | None = None
    bond_yield: Decimal | None = None
    yields_of: str | None = None


@dataclass(frozen=True, slots=True)
class Input:
    """A number that a position is priced from; `on` is the day of the close behind it."""

    name: InputName
    value: float
    source: InputSource
    on: date | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A position as a book of one instrument, and what that is made from. `factor` is the column of its moves."""

    position: Position
    book: Book
    factor: int
    model: Model
    inputs: tuple[Input, ...]


@dataclass(frozen=True, slots=True)
class Market:
    """What positions are priced from on `day`: `last` closes of what moves, all `closes` of it, the `newest` close of
    what is priced by its terms, columns of the factors `prices` and `yields` by symbol, the rate of each other currency
    with its column, and the request's numbers."""

    day: date
    last: Mapping[str, Decimal]
    closes: Mapping[str, Closes]
    newest: Mapping[str, Closes]
    prices: Mapping[str, int]
    yields: Mapping[str, int]
    exchange: Mapping[str, tuple[Decimal, int]]
    given: Mapping[str, Given]
    rate: Decimal | None
    is_fast: bool

    def of(self, symbol: str) -> Given:
        """What the request says of an instrument."""
        return self.given.get(symbol, Given())

    def money(self, currency: str) -> Money:
        """What one unit of a currency is in base currency, and what moves that."""
        rate, factor = self.exchange.get(currency, (Decimal(1), NONE))
        return Money(_array(rate), _column(factor))


def line_of(position: Position, market: Market) -> Line:
    """A position as it is revalued. Raises NotComputable that names the instrument and what to do."""
    try:
        line = _line(position, market)
        line.book.worth()  # what no engine prices is told by name here, and not by a scenario later
    except PricingError as error:
        raise NotComputable("risk_not_computable", f"{position.symbol}: {error}.") from error
    if position.currency not in market.exchange:
        return line
    rate, _ = market.exchange[position.currency]
    turned = Input(InputName.EXCHANGE_RATE, float(rate), InputSource.CLOSE, market.day)
    return replace(line, inputs=(*line.inputs, turned))


def _line(position: Position, market: Market) -> Line:
    if isinstance(position.terms, Option):
        return _option(position, position.terms, market)
    if isinstance(position.terms, Bond):
        return _bond(position, position.terms, market)
    close, factor = market.last[position.symbol], market.prices[position.symbol]
    book = LinearBook(_array(close * position.multiplier), _column(factor), market.money(position.currency))
    return Line(position, book, factor, Model.CLOSE, (_close(close, market.day),))


def yield_history(bond: Bond, multiplier: Decimal, levels: FloatArray, days: tuple[date, ...]) -> FloatArray:
    """Yields (T,) of a bond from its closes `levels` (T,) on `days`: continuous, actual days over 365.

    Raises NotComputable that names the bond.
    """
    from lakehouse.pricing.bonds import accrued_on, payments

    try:
        dirty = bond.clean(levels, multiplier) + accrued_on(bond.terms, days)
        return yields_from_prices(payments(bond.terms), dirty, days=days)
    except PricingError as error:
        raise NotComputable(
            "risk_not_computable",
            f"The closes of {bond.symbol} tell no yields: {error}. Ask for fewer `days`, or name another bond in "
            "`yields_of`.",
        ) from error


def _option(position: Position, option: Option, market: Market) -> Line:
    if option.expires_on < market.day:
        raise NotComputable(
            "risk_not_computable", f"{option.symbol} expired on {option.expires_on}: book its expiry, or leave it out."
        )
    given, factor = market.of(option.symbol), market.prices[option.underlying]
    spot = market.last[option.underlying]
    if (rate := given.rate if given.rate is not None else market.rate) is None:
        raise NotComputable(
            "input_missing", f"{option.symbol} is priced by an interest rate: give `rate`, or one in `inputs` for it."
        )
    paid_out = given.dividend_yield
    prices = option_market(
        spot=float(spot), volatility=0.0, rate=float(rate), dividend_yield=float(paid_out or Decimal(0))
    )
    volatility = (
        _implied(option, prices, market)
        if given.volatility is None
        else Input(InputName.VOLATILITY, float(given.volatility), InputSource.REQUEST)
    )
    inputs = (
        _close(spot, market.day),
        volatility,
        Input(InputName.RATE, float(rate), InputSource.REQUEST),
        Input(
            InputName.DIVIDEND_YIELD,
            float(paid_out or Decimal(0)),
            InputSource.ASSUMED if paid_out is None else InputSource.REQUEST,
        ),
    )
    moved = option_market(
        spot=prices.spot, volatility=volatility.value, rate=prices.rate, dividend_yield=prices.dividend_yield
    )
    book = partial(
        OptionBook, option.terms(market.day), moved, _array(position.multiplier), _column(factor), _column(NONE),
        _column(NONE), market.money(position.currency),
    )  # fmt: skip
    if option.style != AMERICAN:
        return Line(position, book(), factor, Model.BLACK_SCHOLES_MERTON, inputs)
    from lakehouse.pricing.american import Accuracy, american_greeks, american_price

    pricer = partial(american_price, accuracy=Accuracy.FAST) if market.is_fast else american_price
    return Line(position, book(pricer, american_greeks), factor, Model.ANDERSEN_LAKE_OFFENGENDEN, inputs)


def _implied(option: Option, prices: OptionMarket, market: Market) -> Input:
    """The volatility that the option's newest close holds, by the underlying's close of the same day."""
    remedy = f"give the volatility of {option.symbol} in `inputs`."
    day, close = _newest(option.symbol, market, remedy)
    try:
        spot = market.closes[option.underlying].on(day)
    except NotComputable as error:
        told = f"{error.detail} Without it the close of {option.symbol} tells no volatility: {remedy}"
        raise NotComputable("input_missing", told) from error
    then = option_market(spot=float(spot), volatility=0.0, rate=prices.rate, dividend_yield=prices.dividend_yield)
    try:
        found = _volatility(option, float(close), then, day)
    except (PriceOutsideBounds, InvalidInput) as error:
        raise NotComputable(
            "input_missing",
            f"The close {close} of {option.symbol} of {day} holds no volatility, with {option.underlying} at {spot}: "
            + remedy,
        ) from error
    return Input(InputName.VOLATILITY, found, InputSource.IMPLIED, day)


def _volatility(option: Option, price: float, then: OptionMarket, day: date) -> float:
    terms = option.terms(day)
    if option.style != AMERICAN:
        return float(
            implied_volatility(terms, price, spot=then.spot, rate=then.rate, dividend_yield=then.dividend_yield)
        )
    from lakehouse.pricing.american import american_volatility

    return american_volatility(terms, price, then)


def _bond(position: Position, bond: Bond, market: Market) -> Line:
    from lakehouse.pricing.bonds import payments

    terms, given = bond.terms, market.of(bond.symbol)
    terms.require_outstanding(market.day)
    found = (
        _implied_yield(position, bond, market)
        if given.bond_yield is None
        else Input(InputName.BOND_YIELD, float(given.bond_yield), InputSource.REQUEST)
    )
    factor = market.yields[given.yields_of or bond.symbol]
    flows = flows_after(payments(terms), on=market.day)
    book = BondBook(
        (flows,), flat_curve(0.0), _array(bond.face_value), _column(NONE), np.array([found.value]), _column(factor),
        market.money(position.currency),
    )  # fmt: skip
    return Line(position, book, factor, Model.DISCOUNTED_PAYMENTS, (found,))


def _implied_yield(position: Position, bond: Bond, market: Market) -> Input:
    """The yield that the bond's newest close is."""
    day, close = _newest(bond.symbol, market, f"give the `bond_yield` of {bond.symbol} in `inputs`.")
    (found,) = yield_history(bond, position.multiplier, np.array([float(close)]), (day,))
    return Input(InputName.BOND_YIELD, float(found), InputSource.IMPLIED, day)


def _newest(symbol: str, market: Market, remedy: str) -> tuple[date, Decimal]:
    """The newest close of an instrument that is priced by its terms, and its day."""
    if symbol not in market.newest:
        raise NotComputable("input_missing", f"There is no close of {symbol}: {remedy}")
    day, close = market.newest[symbol].days[-1], market.newest[symbol].closes[-1]
    if (market.day - day).days > STALE_DAYS:
        raise NotComputable(
            "input_missing", f"The newest close of {symbol} is of {day}, and it is {market.day}: {remedy}"
        )
    return day, close


def _close(close: Decimal, day: date) -> Input:
    return Input(InputName.PRICE, float(close), InputSource.CLOSE, day)


def _array(value: Decimal) -> FloatArray:
    return np.array([float(value)])


def _column(factor: int) -> FactorNumbers:
    return np.array([factor], dtype=np.intp)
