"""ClickHouse over HTTP: a server, a cluster or the embedded process alike."""

from math import ceil

import clickhouse_connect
from clickhouse_connect.driver.client import Client

from lakehouse.settings import ClickHouseSettings


def connect(
    section: ClickHouseSettings, *, analyst: bool = False, database: str | None = None, timeout_s: float | None = None
) -> Client:
    """A client that holds no session, so that threads may share it: as the owner, or as the read-only analyst.

    `database` is the one of unqualified names; by default the marts', which must exist. Pass `default` before the
    first migration. With `timeout_s` nothing is tried twice and no wait is longer, rounded up to whole seconds; without
    it the client's own patience holds, which suits jobs. Raises clickhouse_connect's DatabaseError where the server refuses and OperationalError where
    it is not there.
    """
    secret = section.analyst_password if analyst else section.password
    wait_s = None if timeout_s is None else ceil(timeout_s)
    limits = {} if wait_s is None else {"connect_timeout": wait_s, "send_receive_timeout": wait_s, "query_retries": 0}
    return clickhouse_connect.get_client(
        host=section.host,
        port=section.port,
        username=section.analyst_user if analyst else section.user,
        password=secret.get_secret_value(),
        database=database or section.database,
        autogenerate_session_id=False,
        **limits,
    )
