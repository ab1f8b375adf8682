"""ClickHouse over HTTP: a server, a cluster or the embedded process alike."""

from math import ceil

import clickhouse_connect
from clickhouse_connect.driver.client import Client

from lakehouse.settings import ClickHouseSettings

CONNECT_S = 10
ANSWER_S = 300
RETRIES = 2


def connect(
    section: ClickHouseSettings, *, analyst: bool = False, database: str | None = None, timeout_s: float | None = None
) -> Client:
    """A client that holds no session, so that threads may share it: as the owner, or as the read-only analyst.

    `database` is the one of unqualified names; by default the marts', which must exist. Pass `default` before the
    first migration. With `timeout_s`, rounded up to whole seconds, nothing waits longer and nothing is tried twice;
    without it the patience is a job's. Raises clickhouse_connect's DatabaseError where the server refuses and
    OperationalError where it is not there.
    """
    secret = section.analyst_password if analyst else section.password
    return clickhouse_connect.get_client(
        host=section.host,
        port=section.port,
        username=section.analyst_user if analyst else section.user,
        password=secret.get_secret_value(),
        database=database or section.database,
        autogenerate_session_id=False,
        connect_timeout=CONNECT_S if timeout_s is None else ceil(timeout_s),
        send_receive_timeout=ANSWER_S if timeout_s is None else ceil(timeout_s),
        query_retries=RETRIES if timeout_s is None else 0,
    )
