"""A real PostgreSQL with a migrated template: each test takes a database of its own."""

from collections.abc import Iterator

import pytest

from lakehouse.settings import Settings
from tests.factories import databases
from tests.factories.postgres_server import postgres_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of the server's own, empty database; the template stands beside it."""
    with postgres_server() as section:
        settings = Settings(home=tmp_path_factory.mktemp("home"), postgres=section)
        databases.template(settings)
        yield settings


@pytest.fixture
def books(server: Settings) -> Settings:
    """A migrated database of the test's own."""
    return databases.fresh(server)
