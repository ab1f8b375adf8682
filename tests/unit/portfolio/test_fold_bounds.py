"""What the books cannot hold is refused by a rule, before the database sees it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from lakehouse.portfolio.fold import MAX_HELD, Fact, Fold, FoldRefused
from lakehouse.portfolio.lots import LotMethod
from lakehouse.portfolio.transactions import Kind

START = datetime(2024, 1, 1, tzinfo=UTC)
UNIT = 10**8


def fact(number: int, kind: Kind, *, units: int = 0, ratio: str | None = None) -> Fact:
    """What happened on day `number`, worth a dollar."""
    return Fact(
        id=UUID(int=number + 1),
        kind=kind,
        symbol="A",
        occurred_at=START + timedelta(days=number),
        currency="USD",
        units=units,
        total_minor=100,
        ratio=None if ratio is None else Decimal(ratio),
    )


def test_a_split_is_refused_where_a_lot_could_not_say_what_it_began_with() -> None:
    fold = Fold(LotMethod.FIFO, allows_short=False)
    whole = 10**10 * UNIT
    fold.apply(fact(0, Kind.BUY, units=whole))
    fold.apply(fact(1, Kind.SELL, units=whole - 1))
    fold.apply(fact(2, Kind.SPLIT, ratio="100000000"))
    assert fold.lots("A")[0].original_units == MAX_HELD
    with pytest.raises(FoldRefused) as refused:
        fold.apply(fact(3, Kind.SPLIT, ratio="2"))
    assert refused.value.rule == "position_too_large"
    assert fold.units("A") == 10**8
