"""What a transaction does to cash and the ledger."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, strategies as st

from lakehouse.domain.currency import CurrencyError
from lakehouse.portfolio.transactions import (
    Draft,
    DraftRefused,
    Kind,
    Purpose,
    cash_moves,
    check,
    entries,
    gross_minor,
    settlement_date,
)

FRIDAY = datetime(2024, 3, 1, 12, tzinfo=UTC)


def draft(kind: Kind, **members: Any) -> Draft:
    """A draft in US dollars, with what its kind needs."""
    needed: dict[str, Any] = {}
    if kind in (Kind.BUY, Kind.SELL, Kind.TRANSFER_IN, Kind.TRANSFER_OUT):
        needed = {"symbol": "AAPL", "quantity": Decimal(10), "price": Decimal(100)}
    elif kind in (Kind.SPLIT, Kind.REVERSE_SPLIT):
        needed = {"symbol": "AAPL", "ratio": Decimal(2 if kind is Kind.SPLIT else "0.5")}
    elif kind is Kind.SPIN_OFF:
        needed = {"symbol": "GE", "ratio": Decimal(1), "related_symbol": "GEHC", "cost_share": Decimal("0.2")}
    elif kind is Kind.CONVERSION:
        needed = {"amount_minor": 500, "to_currency": "EUR", "to_minor": 461}
    else:
        needed = {"symbol": "AAPL" if kind is Kind.DIVIDEND else None, "amount_minor": 500}
    return Draft(**{"kind": kind, "occurred_at": FRIDAY, "currency": "USD", **needed, **members})


@pytest.mark.parametrize(
    ("made", "lines"),
    [
        (draft(Kind.BUY, fee_minor=100), {Purpose.CASH: -100100, Purpose.SECURITIES: 100000, Purpose.FEES: 100}),
        (draft(Kind.SELL, tax_minor=7), {Purpose.CASH: 99993, Purpose.SECURITIES: -100000, Purpose.TAXES: 7}),
        (draft(Kind.DEPOSIT), {Purpose.CASH: 500, Purpose.EXTERNAL: -500}),
        (draft(Kind.WITHDRAWAL, fee_minor=1), {Purpose.CASH: -501, Purpose.EXTERNAL: 500, Purpose.FEES: 1}),
        (draft(Kind.DIVIDEND, tax_minor=75), {Purpose.CASH: 425, Purpose.INCOME: -500, Purpose.TAXES: 75}),
        (draft(Kind.INTEREST, tax_minor=500), {Purpose.INCOME: -500, Purpose.TAXES: 500}),
        (draft(Kind.FEE, tax_minor=2), {Purpose.CASH: -502, Purpose.FEES: 500, Purpose.TAXES: 2}),
        (draft(Kind.TAX), {Purpose.CASH: -500, Purpose.TAXES: 500}),
        (draft(Kind.TRANSFER_IN), {}),
        (draft(Kind.SPLIT), {}),
        (draft(Kind.SPIN_OFF), {}),
    ],
    ids=lambda value: value.kind if isinstance(value, Draft) else "",
)
def test_the_lines_of_the_ledger(made: Draft, lines: dict[Purpose, int]) -> None:
    check(made)
    assert {each.purpose: each.amount_minor for each in entries(made)} == lines
    assert {each.currency for each in entries(made)} <= {"USD"}
    assert cash_moves(made) == ({"USD": lines[Purpose.CASH]} if Purpose.CASH in lines else {})


def test_a_conversion_has_two_lines_in_each_currency() -> None:
    made = draft(Kind.CONVERSION, fee_minor=3)
    check(made)
    assert set(entries(made)) == {
        (Purpose.CASH, "USD", -503),
        (Purpose.FX, "USD", 500),
        (Purpose.FEES, "USD", 3),
        (Purpose.CASH, "EUR", 461),
        (Purpose.FX, "EUR", -461),
    }
    assert cash_moves(made) == {"USD": -503, "EUR": 461}


@given(
    st.sampled_from(sorted(Kind)),
    st.decimals("0.00000001", "1000000", places=8),
    st.decimals("0.00000001", "1000000", places=8),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.sampled_from(("USD", "JPY", "KWD")),
)
def test_they_sum_to_zero_and_none_is_zero(
    kind: Kind, quantity: Decimal, price: Decimal, fee: int, tax: int, currency: str
) -> None:
    members: dict[str, Any] = {"currency": currency, "fee_minor": fee, "tax_minor": tax}
    if kind in (Kind.BUY, Kind.SELL):
        members.update(quantity=quantity, price=price)
    lines = entries(draft(kind, **members), Decimal(100))
    for one in {each.currency for each in lines}:
        assert sum(each.amount_minor for each in lines if each.currency == one) == 0
    assert all(each.amount_minor for each in lines)


@pytest.mark.parametrize(
    ("quantity", "price", "currency", "multiplier", "fx_rate", "gross"),
    [
        ("3", "0.335", "USD", "1", "1", 100),  # 1.005 goes to the even cent
        ("3", "0.345", "USD", "1", "1", 104),  # 1.035 too
        ("7", "1.5", "JPY", "1", "1", 10),
        ("1", "1.2345", "KWD", "1", "1", 1234),
        ("2", "3.5", "USD", "100", "1", 70000),
        ("10", "100", "EUR", "1", "0.91234567", 91235),
        ("123456789012.12345678", "0.00000001", "USD", "1", "1", 123457),
    ],
)
def test_worth_is_exact_and_rounded_half_to_even(
    quantity: str, price: str, currency: str, multiplier: str, fx_rate: str, gross: int
) -> None:
    made = draft(
        Kind.BUY, quantity=Decimal(quantity), price=Decimal(price), currency=currency, fx_rate=Decimal(fx_rate)
    )
    assert gross_minor(made, Decimal(multiplier)) == gross


@pytest.mark.parametrize(
    ("kind", "members", "rule"),
    [
        (Kind.BUY, {"symbol": None}, "symbol_missing"),
        (Kind.BUY, {"price": None}, "units_missing"),
        (Kind.BUY, {"quantity": Decimal(0)}, "quantity_not_positive"),
        (Kind.BUY, {"quantity": Decimal("0.000000001")}, "too_precise"),
        (Kind.BUY, {"amount_minor": 1}, "amount_given"),
        (Kind.BUY, {"fx_rate": Decimal(0)}, "fx_rate_not_positive"),
        (Kind.BUY, {"fee_minor": -1}, "charge_negative"),
        (Kind.DEPOSIT, {"amount_minor": None}, "amount_missing"),
        (Kind.DEPOSIT, {"amount_minor": 0}, "amount_not_positive"),
        (Kind.DEPOSIT, {"quantity": Decimal(1), "price": Decimal(1)}, "units_given"),
        (Kind.DEPOSIT, {"ratio": Decimal(2)}, "ratio_given"),
        (Kind.SPLIT, {"ratio": Decimal("0.5")}, "ratio_wrong_way"),
        (Kind.REVERSE_SPLIT, {"ratio": Decimal(2)}, "ratio_wrong_way"),
        (Kind.SPLIT, {"fee_minor": 1}, "charges_given"),
        (Kind.SPIN_OFF, {"cost_share": None}, "spin_off_incomplete"),
        (Kind.SPIN_OFF, {"cost_share": Decimal("1.1")}, "cost_share_range"),
        (Kind.SPIN_OFF, {"related_symbol": "GE"}, "spin_off_of_itself"),
        (Kind.BUY, {"related_symbol": "GE"}, "spin_off_given"),
        (Kind.DEPOSIT, {"occurred_at": FRIDAY.replace(tzinfo=None)}, "time_zone_missing"),
        (Kind.DEPOSIT, {"amount_minor": 100, "fee_minor": 500}, "charges_exceed_deposit"),
        (Kind.DEPOSIT, {"amount_minor": 100, "tax_minor": 100}, "charges_exceed_deposit"),
        (Kind.CONVERSION, {"to_currency": None}, "target_missing"),
        (Kind.CONVERSION, {"to_currency": "USD"}, "same_currency"),
        (Kind.CONVERSION, {"to_minor": 0}, "received_not_positive"),
        (Kind.DEPOSIT, {"to_currency": "EUR"}, "target_given"),
    ],
)
def test_a_draft_that_contradicts_itself_names_the_rule(kind: Kind, members: dict[str, Any], rule: str) -> None:
    with pytest.raises(DraftRefused) as refused:
        check(draft(kind, **members))
    assert refused.value.rule == rule


def test_what_the_ledger_cannot_hold_is_refused() -> None:
    with pytest.raises(DraftRefused):
        gross_minor(draft(Kind.BUY, quantity=Decimal(10**11), price=Decimal(10**8)))
    with pytest.raises(CurrencyError):
        gross_minor(draft(Kind.BUY, currency="ZZZ"))


@pytest.mark.parametrize(
    ("day", "kind", "settles"),
    [(1, Kind.BUY, 4), (7, Kind.SELL, 8), (2, Kind.SELL, 4), (3, Kind.BUY, 4), (1, Kind.DEPOSIT, 1)],
)
def test_trades_settle_on_the_next_weekday(day: int, kind: Kind, settles: int) -> None:
    assert settlement_date(draft(kind, occurred_at=FRIDAY.replace(day=day))) == date(2024, 3, settles)
