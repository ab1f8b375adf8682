"""Frames as Angel One's WebSocket 2.0 sends them, packed field by field from its documentation."""

import struct
from collections.abc import Sequence

TIME_MS = 1_672_201_800_000
Levels = Sequence[tuple[int, int]]
"""(price in paise, quantity), at most five."""


def ltp(
    token: str, price: int, *, mode: int = 1, exchange_type: int = 1, sequence: int = 1, time_ms: int = TIME_MS
) -> bytes:
    """Mode 1."""
    return struct.pack("<BB25sqqq", mode, exchange_type, token.encode(), sequence, time_ms, price)


def quoted(token: str, price: int, *, mode: int = 2, size: int = 1, volume: int = 1, sequence: int = 1) -> bytes:
    """Mode 2."""
    day = struct.pack("<qqqddqqqq", size, price, volume, 0.0, 0.0, price, price, price, price)
    return ltp(token, price, mode=mode, sequence=sequence) + day


def snap(
    token: str,
    price: int,
    *,
    trade_time_s: int = TIME_MS // 1000,
    bids: Levels = (),
    asks: Levels = (),
    volume: int = 1,
    sequence: int = 1,
) -> bytes:
    """Mode 3: five bids, five asks, empty ones with a price of 0."""
    head = quoted(token, price, mode=3, volume=volume, sequence=sequence) + struct.pack("<qqd", trade_time_s, 0, 0.0)
    filled = [*bids, *[(0, 0)] * (5 - len(bids))], [*asks, *[(0, 0)] * (5 - len(asks))]
    levels = b"".join(
        struct.pack("<HqqH", flag, quantity, level, 1)
        for flag, side in zip((1, 0), filled, strict=True)
        for level, quantity in side
    )
    return head + levels + struct.pack("<qqqq", 0, 0, 0, 0)
