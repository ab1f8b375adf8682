"""Whatever a signal and a portfolio's terms are: an order keeps all limits, and a refusal names one that it breaks."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, strategies as st

from lakehouse.trading.order import Side
from lakehouse.trading.signals import AHEAD, Refusal, Sides, Signal, Situation, Terms, at_sight, decide

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
SIGNAL = Signal(
    id=UUID(int=1), symbol="AAPL", side=Side.BUY, confidence=0.9, source="nse_filings", at=NOW - timedelta(seconds=10)
)
TERMS = Terms(
    sources=("nse_filings",),
    sides=Sides.BOTH,
    min_confidence=Decimal("0.7"),
    max_share=Decimal("0.05"),
    max_orders_a_day=3,
    max_age=timedelta(minutes=5),
    max_move=Decimal("0.02"),
)
SITUATION = Situation(
    now=NOW,
    value=Decimal(100_000),
    price=Decimal(150),
    multiplier=Decimal(1),
    free=Decimal("7.5"),
    orders_today=0,
    is_open=True,
)
AT_SIGHT = {Refusal.SOURCE, Refusal.SIDE, Refusal.CONFIDENCE, Refusal.FUTURE, Refusal.STALE}
SHARES = st.decimals("0", "1", places=4)
SIGNALS = st.builds(
    Signal,
    id=st.uuids(),
    symbol=st.just("AAPL"),
    side=st.sampled_from(Side),
    confidence=st.floats(0, 1),
    source=st.sampled_from(["nse_filings", "news"]),
    at=st.integers(-900, 900).map(lambda seconds: NOW + timedelta(seconds=seconds)),
    reference_price=st.none() | st.decimals("0.01", "300", places=2),
)
TERMS_DRAWN = st.builds(
    Terms,
    sources=st.sampled_from([("nse_filings",), ("news", "nse_filings"), ()]),
    sides=st.sampled_from(Sides),
    min_confidence=SHARES,
    max_share=SHARES,
    max_orders_a_day=st.integers(1, 3),
    max_age=st.integers(1, 600).map(lambda seconds: timedelta(seconds=seconds)),
    max_move=SHARES,
)
SITUATIONS = st.builds(
    Situation,
    now=st.just(NOW),
    value=st.none() | st.decimals("-10", "1000000", places=2),
    price=st.none() | st.decimals("0", "300", places=2),
    multiplier=st.none() | st.sampled_from([Decimal(1), Decimal(100)]),
    free=st.decimals("-10", "100", places=3),
    orders_today=st.integers(0, 3),
    is_open=st.booleans(),
)


@given(signal=SIGNALS, terms=TERMS_DRAWN, situation=SITUATIONS)
def test_an_order_keeps_every_limit(signal: Signal, terms: Terms, situation: Situation) -> None:
    found = decide(signal, terms, situation)
    if isinstance(found, Refusal):
        return
    assert found >= 1
    assert found == found.to_integral_value()
    assert situation.is_open
    assert signal.source in terms.sources
    assert terms.sides in (Sides.BOTH, signal.side.value)
    assert signal.confidence >= float(terms.min_confidence)
    assert -AHEAD <= NOW - signal.at <= terms.max_age
    assert situation.orders_today < terms.max_orders_a_day
    assert situation.price is not None
    assert situation.value is not None
    assert situation.multiplier is not None
    assert found * situation.price * situation.multiplier <= terms.max_share * situation.value
    assert signal.side is Side.BUY or found <= situation.free
    if signal.reference_price is not None:
        assert abs(situation.price - signal.reference_price) <= terms.max_move * signal.reference_price


@given(signal=SIGNALS, terms=TERMS_DRAWN, situation=SITUATIONS)
def test_what_is_refused_at_sight_is_refused_so_in_every_situation(
    signal: Signal, terms: Terms, situation: Situation
) -> None:
    found = decide(signal, terms, situation)
    assert at_sight(signal, terms, NOW) == (found if found in AT_SIGHT else None)


@given(share=SHARES, value=st.decimals("1", "1000000", places=2), price=st.decimals("0.01", "300", places=2))
def test_a_purchase_is_as_large_as_its_share_allows(share: Decimal, value: Decimal, price: Decimal) -> None:
    found = decide(SIGNAL, replace(TERMS, max_share=share), replace(SITUATION, value=value, price=price))
    units = Decimal(0) if isinstance(found, Refusal) else found
    assert units * price <= share * value < (units + 1) * price


def test_as_sure_as_asked_is_sure_enough() -> None:
    assert decide(replace(SIGNAL, confidence=0.7), TERMS, SITUATION) == 33


def test_the_usual_signal_is_ordered() -> None:
    assert decide(SIGNAL, TERMS, SITUATION) == 33  # 5 % of 100,000 at 150
    assert decide(replace(SIGNAL, side=Side.SELL), TERMS, SITUATION) == 7  # whole units of what is held


@pytest.mark.parametrize(
    ("refusal", "signal", "terms", "situation"),
    [
        (Refusal.SOURCE, {"source": "rumours"}, {}, {}),
        (Refusal.SIDE, {}, {"sides": Sides.SELL}, {}),
        (Refusal.CONFIDENCE, {"confidence": 0.69}, {}, {}),
        (Refusal.CONFIDENCE, {"confidence": float("nan")}, {}, {}),
        (Refusal.FUTURE, {"at": NOW + AHEAD + timedelta(seconds=1)}, {}, {}),
        (Refusal.STALE, {"at": NOW - timedelta(seconds=301)}, {}, {}),
        (Refusal.INSTRUMENT, {}, {}, {"multiplier": None}),
        (Refusal.CLOSED, {}, {}, {"is_open": False}),
        (Refusal.TOO_MANY, {}, {}, {"orders_today": 3}),
        (Refusal.NO_PRICE, {}, {}, {"price": None}),
        (Refusal.MOVED, {"reference_price": Decimal("153.10")}, {}, {}),
        (Refusal.NO_VALUE, {}, {}, {"value": None}),
        (Refusal.NO_VALUE, {}, {}, {"value": Decimal(-1)}),
        (Refusal.NOTHING_HELD, {"side": Side.SELL}, {}, {"free": Decimal("0.9")}),
        (Refusal.TOO_SMALL, {}, {}, {"price": Decimal(5001)}),
    ],
)
def test_each_refusal_has_its_name(
    refusal: Refusal, signal: dict[str, Any], terms: dict[str, Any], situation: dict[str, Any]
) -> None:
    made = (replace(SIGNAL, **signal), replace(TERMS, **terms), replace(SITUATION, **situation))
    assert decide(*made) is refusal
