"""A retry of a replacement is recognised however its numbers were written."""

from uuid import UUID

from lakehouse.trading.ticket import digest_of
from serving.orders.schemas import OrderPatch
from serving.orders.tickets import digest_of_replacement, wish_of

ORDER = UUID("01890a5d-ac96-774b-bcce-b302099a8057")


def digest(**changes: str) -> bytes:
    return digest_of_replacement(ORDER, wish_of(OrderPatch.model_validate(changes)))


def test_equal_replacements_have_equal_digests() -> None:
    assert digest(quantity="10.0", expires_at="2030-01-02T21:00:00Z") == digest(
        quantity="10", expires_at="2030-01-02T22:00:00+01:00"
    )


def test_others_differ() -> None:
    other = UUID("01890a5d-ac96-774b-bcce-b302099a8058")
    found = [digest(quantity="10"), digest(quantity="11"), digest(limit_price="10")]
    found += [digest(trail_amount="10"), digest(trail_percent="10")]
    assert len({*found, digest_of_replacement(other, wish_of(OrderPatch.model_validate({"quantity": "10"})))}) == 6


def test_a_replacement_from_before_there_were_trails_is_recognised() -> None:
    names = ("client_order_id", "limit_price", "stop_price", "time_in_force", "expires_at")
    assert digest(quantity="10") == digest_of({"order_id": ORDER, "quantity": "10", **dict.fromkeys(names)})
