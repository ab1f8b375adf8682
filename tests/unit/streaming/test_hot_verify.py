"""Verdicts on alerts and fills: what is lost, what is there twice, what says something else; told for people."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from lakehouse.errors import TidemarkError
from lakehouse.stores.books.recount import Finding
from lakehouse.stores.hot import Checkpoint, Row
from streaming.hot.journal import Cut, cuts_to_bytes
from streaming.hot.verify import AlertTold, Compared, FillTold, Kept, Verdict, compared, end_of
from streaming.hot.verify_books import Books, Summed
from streaming.hot.verify_bronze import BronzeLacks
from streaming.hot.verify_report import lines
from streaming.hot.verifying import judged
from streaming.kit.offsets import OffsetGapError

AT = datetime(2026, 11, 21, 17, tzinfo=UTC)
ALERT = AlertTold("rule", "AAPL", 1, "price_above", 1_500_000, 151.0, 150.0, 2, 4711)
FILL = FillTold("order", "sim-2-4711", 1_500_000, Decimal(10), Decimal("150.5"), 35)
BOOKS = Books(1, 4, (Summed("USD", 0, 12),), ())
PORTFOLIO = UUID(int=7)


def row(number: int, *cuts: Cut) -> Row:
    return Row(
        number=number, batches=len(cuts), cuts=cuts_to_bytes(cuts), changes=None, ticks=0, committed_at=AT, epoch=number
    )


def test_equal_is_exact_whenever_it_was_written() -> None:
    found = compared([ALERT], [replace(ALERT, written_at=AT)])
    assert found == Compared(recomputed=1)
    assert found.is_exact


def test_what_lacks_is_lost_and_what_is_beside_is_surplus() -> None:
    later = replace(ALERT, sequence=2)
    found = compared([ALERT], [later])
    assert (found.lost, found.surplus, found.different) == ((ALERT,), (later,), ())


def test_what_says_something_else_is_different() -> None:
    other = replace(ALERT, offset=4712)
    assert compared([ALERT], [other]).different == ((ALERT, other),)


def test_what_is_there_twice_is_surplus() -> None:
    assert compared([FILL], [FILL, FILL]).surplus == (FILL,)


def test_a_fill_that_the_books_refused_may_lack() -> None:
    assert compared([FILL], [], frozenset({"order"})).is_exact
    assert not compared([FILL], [], frozenset({"another"})).is_exact


def test_the_journal_ends_after_its_last_batch() -> None:
    rows = [row(1, Cut((3, 4)), Cut((5, 4))), row(2)]
    assert end_of(rows, (0, 0)) == (5, 4)
    assert end_of([row(1)], (3, 4)) == (3, 4)


def test_an_exact_verdict_says_what_it_is_of() -> None:
    rows = (row(1, Cut((3,))), row(2, Cut((5,)), Cut((6,))))
    told = list(lines(Verdict(Compared(1), Compared(2), BOOKS, rows, ticks=6), "bronze"))
    assert told == [
        "recomputed 6 ticks of bronze in 3 batches: rows 1 to 2 of the journal, 2026-11-21 17:00:00 to "
        "2026-11-21 17:00:00 UTC, 2 processes",
        "alerts: 1 recomputed, 0 lost, 0 surplus, 0 different",
        "fills: 2 recomputed, 0 lost, 0 surplus, 0 different",
        "books: 4 transactions of 1 portfolios folded again, 0 differences; ledger sums to USD 0 of 12 entries",
        "exact",
    ]


def test_differences_are_told_by_name() -> None:
    alerts = compared([ALERT], [replace(ALERT, value=152.0)])
    books = replace(BOOKS, findings=(Finding("position_is_fold", PORTFOLIO, "AAPL", "10", "20"),))
    told = list(lines(Verdict(alerts, compared([FILL], []), books), "topic"))
    assert told[0].startswith("nothing to recompute")
    assert told[4:] == [
        "different: price_above rule of AAPL, number 1, 1970-01-01T00:00:01.500000+00:00, by market.ticks[2]@4711: "
        "value 151.0 is 152.0",
        "lost: sim-2-4711 of order order, 10 at 150.5, 1970-01-01T00:00:01.500000+00:00",
        f"position_is_fold: AAPL of {PORTFOLIO} should be 10, is 20",
        "NOT EXACT",
    ]


def test_a_ledger_that_does_not_sum_to_zero_is_not_exact() -> None:
    books = replace(BOOKS, ledger=(Summed("USD", 1, 12),))
    assert not Verdict(Compared(), Compared(), books).is_exact


def test_what_was_left_out_and_that_nothing_was_compared_is_said() -> None:
    rows = (row(8, Cut((6,))),)
    states = tuple(Checkpoint(number=number, state=b"", made_at=AT) for number in (3, 5, 7))
    faults: dict[int, TidemarkError] = {3: BronzeLacks("bronze lacks 2 offsets"), 5: OffsetGapError("too old")}

    def judge(state: Checkpoint) -> Verdict:
        if state.number in faults:
            raise faults[state.number]
        return Verdict(Compared(1), Compared(), BOOKS, rows, ticks=1)

    found = judged(Kept(states, rows, (), BOOKS), judge)
    assert (found.is_exact, found.is_whole, found.lacks) == (True, False, True)
    assert list(lines(found, "bronze"))[-3:] == [
        "left out: what followed row 3, of 2026-11-21 17:00:00 UTC: bronze lacks 2 offsets",
        "left out: what followed row 5, of 2026-11-21 17:00:00 UTC: too old",
        "exact, but for what was left out",
    ]
    faults[7] = OffsetGapError("gone")
    with pytest.raises(OffsetGapError, match="gone"):
        judged(Kept(states, rows, (), BOOKS), judge)
    nothing = judged(Kept((), (), (), BOOKS), judge)
    assert (list(lines(nothing, "bronze"))[-1], nothing.is_whole) == ("nothing compared", False)
