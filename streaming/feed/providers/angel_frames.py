"""The binary frames of Angel One's WebSocket 2.0 (smartapi.angelbroking.com/docs/WebSocket2): little-endian, packed.

    bytes   0 mode, 1 exchange type, 2-26 token, 27 sequence, 35 exchange time (ms), 43 last price        LTP, 51 bytes
            51 last quantity, 59 average price, 67 volume of the day, 75 and 83 total bid and ask quantity,
            91 open, 99 high, 107 low, 115 close                                                       quote, 123 bytes
            123 last trade's time (s), 131 open interest, 139 its change, 147-346 ten levels of 20 bytes (flag: 1 bid,
            0 ask; quantity, price, orders), 347 circuit limits, 363 year's high and low          snap quote, 379 bytes

Prices are in hundredths of a rupee, of currency derivatives in ten-millionths.
"""

import struct
from dataclasses import dataclass

LTP, QUOTE, SNAP_QUOTE = 1, 2, 3
EXCHANGES = {"NSE": 1, "NFO": 2, "BSE": 3, "BFO": 4, "MCX": 5, "NCDEX": 7, "CDS": 13}
_CURRENCIES = EXCHANGES["CDS"]
_LENGTHS = {LTP: 51, QUOTE: 123, SNAP_QUOTE: 379}
_HEAD = struct.Struct("<BB25sqqq")
_TRADED = struct.Struct("<qqq")
_LEVEL = struct.Struct("<HqqH")
_LEVELS_AT, _LEVELS = 147, 10
_TRADE_TIME = struct.Struct("<q")
_TRADE_TIME_AT = 123


class FrameError(ValueError):
    """A frame that is none of the three kinds, or has not the length of its kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One frame; prices in currency. What its mode does not carry is None; a side without a price is absent."""

    exchange_type: int
    instrument: str
    sequence: int
    time_ms: int
    price: float
    size: int | None = None
    volume: int | None = None
    trade_time_s: int | None = None
    bid: tuple[float, int] | None = None
    ask: tuple[float, int] | None = None


def decode(data: bytes) -> Frame:
    """The frame in `data`. Raises FrameError."""
    if not data or data[0] not in _LENGTHS:
        raise FrameError(f"mode {data[0] if data else 'missing'}: neither LTP, quote nor snap quote")
    mode = data[0]
    if len(data) != _LENGTHS[mode]:
        raise FrameError(f"{len(data)} bytes where mode {mode} has {_LENGTHS[mode]}")
    _, exchange_type, token, sequence, time_ms, price = _HEAD.unpack_from(data)
    scale = 1e7 if exchange_type == _CURRENCIES else 100
    size, _, volume = _TRADED.unpack_from(data, _HEAD.size) if mode != LTP else (None, None, None)
    bid, ask = _best(data, scale) if mode == SNAP_QUOTE else (None, None)
    return Frame(
        exchange_type=exchange_type,
        instrument=token.split(b"\0", 1)[0].decode("ascii", errors="backslashreplace"),
        sequence=sequence,
        time_ms=time_ms,
        price=price / scale,
        size=size,
        volume=volume,
        trade_time_s=_TRADE_TIME.unpack_from(data, _TRADE_TIME_AT)[0] if mode == SNAP_QUOTE else None,
        bid=bid,
        ask=ask,
    )


def _best(data: bytes, scale: float) -> tuple[tuple[float, int] | None, tuple[float, int] | None]:
    """The highest bid and the lowest ask of the levels; an empty level has a price of 0."""
    levels = [_LEVEL.unpack_from(data, _LEVELS_AT + number * _LEVEL.size) for number in range(_LEVELS)]
    bids = [(price / scale, quantity) for is_bid, quantity, price, _ in levels if is_bid and price > 0]
    asks = [(price / scale, quantity) for is_bid, quantity, price, _ in levels if not is_bid and price > 0]
    return max(bids, default=None), min(asks, default=None)
