"""An empty PostgreSQL for each module: migrations are tested from nothing."""

from collections.abc import Iterator

import pytest

from lakehouse.settings import Settings
from lakehouse.stores import postgres
from tests.factories.postgres_server import postgres_server


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of a PostgreSQL whose database has nothing in it but the role that the API works as."""
    with postgres_server() as section:
        with postgres.connect(section) as connection:
            connection.execute(f"CREATE ROLE {postgres.API_ROLE} NOLOGIN")
        yield Settings(home=tmp_path_factory.mktemp("home"), postgres=section)
