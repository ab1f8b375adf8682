"""Orders met by live ticks in a hot process that is killed, and that trades no more where its orders contradict it."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest

from lakehouse.clock import SystemClock, epoch_us
from lakehouse.settings import Settings
from lakehouse.stores import postgres
from lakehouse.trading.order import OrderClass, OrderType, Status
from lakehouse.trading.ticket import Exit
from tests.factories import hot as factory
from tests.factories.trading import Desk, desks, units, wish

pytestmark = [pytest.mark.integration, pytest.mark.engines("kafka")]

CLOCK = SystemClock()
D = Decimal
# What no program can do: another quantity at the version that the desk knows.
TAMPER = """
    ALTER TABLE trading.order DISABLE TRIGGER order_check_move;
    UPDATE trading.order SET quantity = 12 WHERE status = 'accepted';
    ALTER TABLE trading.order ENABLE TRIGGER order_check_move;
"""
HALT = """
    INSERT INTO trading.halt (id, scope, reason, set_by, set_at)
    SELECT gen_random_uuid(), 'everybody', 'a drill', u.id, now() FROM auth.app_user AS u LIMIT 1
"""
LIFT = "UPDATE trading.halt SET lifted_by = set_by, lifted_at = now()"


def quote(settings: Settings, bid: float, ask: float, sequence: int) -> None:
    factory.send(settings, [factory.quote("AAPL", bid, ask, sequence, at_us=epoch_us(CLOCK.now()))])


def switched(settings: Settings, process: factory.HotProcess, statement: str) -> None:
    """Trading is stopped, or goes on, and the process has journalled it."""
    before = halts(settings)
    with postgres.connect(settings.postgres) as connection:
        connection.execute(statement.encode())
    factory.until(lambda: halts(settings) > before, process)


def halts(settings: Settings) -> int:
    """The row of the journal that changed last who stands still; 0 where none did."""
    with postgres.connect(settings.postgres) as connection:
        found = connection.execute(
            "SELECT coalesce(max(number), 0) FROM hot.journal WHERE changes::jsonb ? 'halts'"
        ).fetchone()
    return int(found[0]) if found else 0


def no_fill_while_stopped(settings: Settings, process: factory.HotProcess, status: Callable[[], Status]) -> None:
    """Trading is stopped for everybody, at a price that fills the order, and goes on afterwards."""
    switched(settings, process, HALT)
    quote(settings, 98.0, 99.0, 3)
    factory.until(lambda: factory.journalled(settings) == factory.ends(settings), process)
    assert status() is Status.ACCEPTED
    switched(settings, process, LIFT)


def statuses(desk: Desk, order_id: UUID) -> list[Status]:
    return [each.status for each in desk.family(order_id)]


@pytest.mark.timeout(1800)
def test_a_bracket_survives_a_kill_and_contradicted_orders_wait_for_somebody(settings: Settings, folder: Path) -> None:
    with desks(settings) as make:
        desk = make()
        desk.deposit(1_000_000)
        ticket = wish(
            desk,
            type=OrderType.MARKET,
            limit_price=None,
            order_class=OrderClass.BRACKET,
            take_profit=Exit(limit_price=D(110)),
            stop_loss=Exit(stop_price=D(95)),
        )
        entry = desk.place(ticket).order_id
        first = factory.started(settings, folder)
        quote(settings, 99.0, 100.0, 1)
        factory.until(lambda: statuses(desk, entry)[0] is Status.FILLED, first)
        assert statuses(desk, entry) == [Status.FILLED, Status.ACCEPTED, Status.ACCEPTED]
        first.kill()

        with factory.running(settings, folder) as second:
            assert second.metric("tidemark_hot_trading") == 1
            quote(settings, 111.0, 112.0, 2)
            factory.until(lambda: statuses(desk, entry)[1] is Status.FILLED, second)
        assert statuses(desk, entry) == [Status.FILLED, Status.FILLED, Status.CANCELED]
        fills = desk.rows("SELECT venue_trade_id FROM trading.fill WHERE portfolio_id = %(p)s ORDER BY id")
        assert len(set(fills)) == len(fills) == 2
        assert desk.rows("SELECT count(*) FROM ops.outbox WHERE topic = 'trade.fills'") == [(2,)]
        assert desk.rows("SELECT sum(amount_minor) FROM ledger.entry") == [(0,)]
        assert units(desk) == (0, 0)

        waiting = desk.place(wish(desk)).order_id
        with factory.running(settings, folder) as third:
            factory.until(lambda: third.metric("tidemark_hot_journal_number") > 0, third)
            quote(settings, 104.0, 105.0, 3)
            factory.until(lambda: factory.journalled(settings) == factory.ends(settings), third)
            no_fill_while_stopped(settings, third, lambda: desk.order(waiting).status)
        with postgres.connect(settings.postgres) as connection:
            connection.execute(TAMPER)
        with factory.running(settings, folder) as fourth:
            assert fourth.metric("tidemark_hot_trading") == 0
            quote(settings, 98.0, 99.0, 4)
            factory.until(lambda: factory.journalled(settings) == factory.ends(settings), fourth)
        assert desk.order(waiting).status is Status.ACCEPTED, "nothing was traded"
        assert "--accept-orders" in fourth.log.read_text()

        last = factory.start(settings, folder, "-m", "streaming.hot", "--accept-orders")
        factory.until(last.is_ready, last)
        quote(settings, 98.0, 99.0, 5)
        factory.until(lambda: desk.order(waiting).status is Status.FILLED, last)
        assert last.stop() == 0
        assert units(desk) == (12, 0)
