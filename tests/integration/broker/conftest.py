"""A migrated PostgreSQL of the folder's own, and desks in it that trade at a broker."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from lakehouse.clock import ManualClock, SystemClock
from lakehouse.migrations import postgres as migrations
from lakehouse.settings import Settings
from streaming.broker.cli import set_route
from tests.factories.broker_pit import VENUE, Pit
from tests.factories.broker_servers import AlpacaServer, serving
from tests.factories.postgres_server import postgres_server
from tests.factories.trading import Desk, desks


@pytest.fixture(scope="session")
def broker_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of a migrated database."""
    with postgres_server() as section:
        settings = Settings(home=tmp_path_factory.mktemp("home"), postgres=section)
        migrations.upgrade(settings)
        yield settings


@pytest.fixture(scope="session")
def new_desk(broker_settings: Settings) -> Iterator[Callable[..., Desk]]:
    """Makes desks."""
    with desks(broker_settings) as make:
        yield make


@pytest.fixture
def pit(broker_settings: Settings, new_desk: Callable[..., Desk]) -> Iterator[Pit]:
    """10,000.00 USD, and Alpaca; the one portfolio there, and nothing in doubt. A day behind, whatever days other tests
    have let pass, so that a process of its own, which goes by the machine's clock, finds nothing of the future."""
    desk = replace(new_desk(), clock=ManualClock(SystemClock().now() - timedelta(days=1)))
    with desk.reader.transaction():
        for table in ("route", "difference", "execution", "submission", "progress"):
            desk.reader.execute(f"DELETE FROM broker.{table}".encode())
    desk.deposit(1_000_000)
    alpaca = AlpacaServer(desk.clock.now)
    with serving(alpaca) as served:
        made = Pit(desk, broker_settings, alpaca, served)
        made.run(lambda connection: set_route(connection, desk.portfolio_id, VENUE))
        yield made
        made.close()
