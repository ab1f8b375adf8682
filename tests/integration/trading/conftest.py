"""A migrated PostgreSQL of the folder's own, and desks in it."""

from collections.abc import Callable, Iterator

import pytest

from lakehouse.migrations import postgres as migrations
from lakehouse.settings import Settings
from tests.factories.postgres_server import postgres_server
from tests.factories.trading import Desk, desks


@pytest.fixture(scope="session")
def trading_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of a migrated database."""
    with postgres_server() as section:
        settings = Settings(home=tmp_path_factory.mktemp("home"), postgres=section)
        migrations.upgrade(settings)
        yield settings


@pytest.fixture(scope="session")
def new_desk(trading_settings: Settings) -> Iterator[Callable[..., Desk]]:
    """Makes desks."""
    with desks(trading_settings) as make:
        yield make


@pytest.fixture
def desk(new_desk: Callable[..., Desk]) -> Desk:
    """A desk with 10,000.00 USD."""
    made = new_desk()
    made.deposit(1_000_000)
    return made
