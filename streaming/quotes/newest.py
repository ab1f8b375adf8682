"""The newest price and quote of each symbol: last write wins by (time, sequence), each side for itself. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple, TypeAlias

import numpy as np

from lakehouse.clock import epoch_us
from lakehouse.domain.quote import PROVIDER, SYMBOL, LatestQuote, Quote
from streaming.quotes.bars import LOWEST_PRICE, PRICE_LIMIT, exact
from streaming.quotes.columns import Ticks

_EARLIEST = -(2**63)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Key: TypeAlias = tuple[int, int]  # time and sequence


class Side(NamedTuple):
    """A price, the units at it (NaN unknown), and the tick that said so."""

    key: Key
    price: float
    size: float


@dataclass(frozen=True, slots=True)
class Newest:
    """What is known of a symbol; `key` and `provider` are those of its newest tick."""

    key: Key
    provider: str
    trade: Side | None = None
    bid: Side | None = None
    ask: Side | None = None

    def joined(self, other: "Newest") -> "Newest":
        """The newer of the two, each side for itself."""
        newest = other if other.key > self.key else self
        return replace(
            newest,
            trade=_newer(self.trade, other.trade),
            bid=_newer(self.bid, other.bid),
            ask=_newer(self.ask, other.ask),
        )

    def quote(self, symbol: str, currency: str) -> Quote | None:
        """As the master table has it; None while there is neither a trade nor both sides of a quote.

        The price is that of the last trade, or the middle of bid and ask where there was none. Where the two sides
        cross, one of them is old: it is left out.
        """
        bid, ask = self.bid, self.ask
        if bid and ask and bid.price > ask.price:
            bid, ask = (bid, None) if bid.key > ask.key else (None, ask)
        price = _price(self.trade, bid, ask)
        if price is None:
            return None
        return Quote(
            symbol=symbol,
            price=price,
            currency=currency,
            provider=self.provider,
            as_of=_EPOCH + timedelta(microseconds=self.key[0]),
            bid=exact(bid.price) if bid else None,
            ask=exact(ask.price) if ask else None,
            bid_size=_size(bid),
            ask_size=_size(ask),
            seq=self.key[1],
        )


def newest_of(ticks: Ticks, known: np.ndarray) -> dict[str, Newest]:
    """What the ticks say of each symbol where `known` (by code). Ticks from the future, of names that no quote can
    have, and prices that it cannot hold are passed over."""
    fits = known & np.array([SYMBOL.fullmatch(name) is not None for name in ticks.symbols], np.bool_)
    sayable = np.array([PROVIDER.fullmatch(name) is not None for name in ticks.providers], np.bool_)
    picked = np.flatnonzero(fits[ticks.code] & sayable[ticks.provider] & ~ticks.is_ahead)
    trades = _sides(ticks, picked[ticks.is_trade[picked]], ticks.price, ticks.size)
    quotes = picked[~ticks.is_trade[picked]]
    bids, asks = (
        _sides(ticks, quotes, prices, sizes)
        for prices, sizes in ((ticks.bid, ticks.bid_size), (ticks.ask, ticks.ask_size))
    )
    found: dict[str, Newest] = {}
    for code, place in _last(ticks, picked).items():
        key = (int(ticks.at_us[place]), int(ticks.seq[place]))
        provider = ticks.providers[ticks.provider[place]]
        found[ticks.symbols[code]] = Newest(key, provider, trades.get(code), bids.get(code), asks.get(code))
    return found


def newest_from(row: LatestQuote) -> Newest:
    """What the master table knows. A price in the middle of its quote was no trade."""
    key = (epoch_us(row.as_of), _EARLIEST)
    is_middle = row.bid is not None and row.ask is not None and row.price == (row.bid + row.ask) / 2
    return Newest(
        key,
        row.provider,
        None if is_middle else Side(key, float(row.price), np.nan),
        _side(key, row.bid, row.bid_size),
        _side(key, row.ask, row.ask_size),
    )


def _sides(ticks: Ticks, picked: np.ndarray, prices: np.ndarray, sizes: np.ndarray) -> Mapping[int, Side]:
    """The newest price of each symbol among `picked` that has one."""
    told = prices[picked]
    last = _last(ticks, picked[(told >= LOWEST_PRICE) & (told < PRICE_LIMIT)])
    return {
        code: Side((int(ticks.at_us[place]), int(ticks.seq[place])), float(prices[place]), float(sizes[place]))
        for code, place in last.items()
    }


def _last(ticks: Ticks, picked: np.ndarray) -> dict[int, int]:
    """The last of `picked` of each code: they are in the order of codes."""
    codes = ticks.code[picked]
    ends = np.flatnonzero(np.r_[np.diff(codes) != 0, True]) if len(codes) else np.empty(0, np.int64)
    return dict(zip(codes[ends].tolist(), picked[ends].tolist(), strict=True))


def _newer(first: Side | None, second: Side | None) -> Side | None:
    if first is None or second is None:
        return first or second
    return second if second.key > first.key else first


def _price(trade: Side | None, bid: Side | None, ask: Side | None) -> Decimal | None:
    if trade is not None:
        return exact(trade.price)
    return exact((bid.price + ask.price) / 2) if bid and ask else None


def _side(key: Key, price: Decimal | None, size: Decimal | None) -> Side | None:
    return None if price is None else Side(key, float(price), np.nan if size is None else float(size))


def _size(side: Side | None) -> Decimal | None:
    """Units at a price; None where unknown, or more than a quote can say."""
    return exact(side.size) if side and side.size < PRICE_LIMIT else None
