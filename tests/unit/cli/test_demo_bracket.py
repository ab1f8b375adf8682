"""The demo's bracket in a market that is faster than its order."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

from lakehouse.cli.demo.api import Api, ApiRefusedError
from lakehouse.cli.demo.live import ATTEMPTS, OVERTAKEN, _bracket
from lakehouse.clock import ManualClock

CLOCK = ManualClock(datetime(2026, 1, 2, tzinfo=UTC))


def bought(refusals: list[str], prices: list[Decimal]) -> list[dict[str, Any]]:
    """The orders that reach an API that refuses by these rules, one after the other, and then takes one."""
    asked: list[dict[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.content))
        if refusals:
            return httpx.Response(409, json={"code": "order_rejected", "rule": refusals.pop(0)})
        return httpx.Response(201, json={"id": "an order"})

    with httpx.Client(base_url="http://api", transport=httpx.MockTransport(answer)) as http:
        assert _bracket(Api(http), CLOCK, "a portfolio", lambda: prices.pop(0)) == "an order"
    return asked


def test_exits_that_were_overtaken_are_put_around_a_newer_price() -> None:
    first, second = bought([OVERTAKEN], [Decimal(100), Decimal(90)])
    assert (first["take_profit"]["limit_price"], first["stop_loss"]["stop_price"]) == ("100.40", "99.60")
    assert (second["take_profit"]["limit_price"], second["stop_loss"]["stop_price"]) == ("90.36", "89.64")


def test_another_refusal_and_one_too_many_are_told() -> None:
    with pytest.raises(ApiRefusedError, match="409"):
        bought(["buying_power"], [Decimal(100), Decimal(90)])
    with pytest.raises(ApiRefusedError, match=OVERTAKEN):
        bought([OVERTAKEN] * ATTEMPTS, [Decimal(100)] * ATTEMPTS)
