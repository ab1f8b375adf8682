"""What a portfolio is worth now: as the hot process says, and by the newest prices where it is away or behind."""

import httpx
import orjson
import pytest

from lakehouse.clock import SystemClock, epoch_us
from lakehouse.migrations.postgres.demo import PORTFOLIOS
from lakehouse.settings import Settings
from lakehouse.stores import postgres, redis as redis_store
from serving.live.repository import ALIVE, HOT
from tests.factories.quote_stream import observation, send
from tests.integration.serving.conftest import Served

pytestmark = pytest.mark.integration

CLOCK = SystemClock()
PORTFOLIO = PORTFOLIOS[0]
PATH = f"/api/v1/portfolios/{PORTFOLIO.id}/live"


def live(client: httpx.Client) -> dict[str, object]:
    answer = client.get(PATH)
    assert answer.status_code == 200, answer.text
    found: dict[str, object] = answer.json()
    return found


def usd(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "USD"}


def told(settings: Settings, **changes: object) -> None:
    """Write what the hot process writes of the portfolio."""
    row = {"equity": "1000.1250", "net": "900.1250", "gross": "950.0000", "missing": 0, "opening": "1010.0000"}
    text = orjson.dumps({**row, "peak": None, "at_us": epoch_us(CLOCK.now()), **changes})
    redis = redis_store.connect(settings.redis)
    redis.hset(HOT, str(PORTFOLIO.id), text.decode())
    redis.set(ALIVE, 1, ex=60)


def valued(settings: Settings, value_minor: int) -> None:
    """A close of yesterday."""
    with postgres.connect(settings.postgres) as connection:
        connection.execute(
            "INSERT INTO app.valuation (id, owner_id, portfolio_id, business_date, currency, value_minor, cash_minor, "
            "computed_at) SELECT gen_random_uuid(), p.owner_id, p.id, (now() AT TIME ZONE 'UTC')::date - 1, 'USD', "
            "%s, 0, now() FROM app.portfolio AS p WHERE p.id = %s",
            (value_minor, PORTFOLIO.id),
        )


def test_by_prices_by_the_hot_process_and_by_prices_again(served: Served) -> None:
    client, settings = served.api.client, served.settings
    unpriced = live(client)
    assert (unpriced["source"], unpriced["missing"]) == ("prices", len(PORTFOLIO.holdings))
    assert (unpriced["equity"], unpriced["day_pnl"], unpriced["as_of"]) == (None, None, None)

    send(client, *(observation(symbol, "100") for symbol, _ in PORTFOLIO.holdings))
    net = 100 * sum(units for _, units in PORTFOLIO.holdings)
    gross = 100 * sum(abs(units) for _, units in PORTFOLIO.holdings)
    valued(settings, int(net * 100) - 12_345)
    priced = live(client)
    assert (priced["source"], priced["missing"]) == ("prices", 0)
    assert (priced["net"], priced["gross"]) == (usd(f"{net:.2f}"), usd(f"{gross:.2f}"))
    assert (priced["equity"], priced["day_pnl"]) == (usd(f"{net:.2f}"), usd("123.45"))

    told(settings)
    hot = live(client)
    assert hot["source"] == "hot"
    assert (hot["equity"], hot["net"], hot["gross"]) == (usd("1000.12"), usd("900.12"), usd("950.00"))
    assert (hot["opening"], hot["day_pnl"]) == (usd("1010.00"), usd("-9.88"))

    told(settings, missing=1)
    assert (live(client)["equity"], live(client)["missing"]) == (None, 1)

    told(settings, at_us=epoch_us(CLOCK.now()) - 3_600_000_000)
    assert live(client) == priced, "an hour behind the prices: not to be gone by"

    told(settings)
    redis_store.connect(settings.redis).delete(ALIVE)
    assert live(client) == priced, "the hot process is gone, what it said is still there"

    told(settings, opening=None)
    redis_store.connect(settings.redis).set(HOT, "not a hash")
    assert live(client)["source"] == "prices"
