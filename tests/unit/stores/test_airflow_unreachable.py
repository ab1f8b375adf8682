"""The Airflow client where nothing listens."""

import socket

import pytest

from lakehouse.settings import AirflowSettings
from lakehouse.stores.airflow import AirflowClient, AirflowUnreachableError


def test_an_airflow_that_is_away_is_named_with_a_remedy() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        url = f"http://127.0.0.1:{held.getsockname()[1]}"
        with AirflowClient(AirflowSettings(url=url)) as client:
            with pytest.raises(AirflowUnreachableError, match=f"no answer from Airflow at {url}.*`tidemark status`"):
                client.health()
            with pytest.raises(AirflowUnreachableError):
                client.trigger("market_daily", partition_key="2022-12-28")
