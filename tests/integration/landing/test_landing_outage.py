"""The object store goes away for longer than its clients try again: the lander says so, ends, and goes on later."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace

import pytest

from lakehouse.settings import Settings
from streaming.landing.outage import StoreError
from tests.factories.landing import Landscape, land_here, landscape, send, start_lander, tick, wait_until_landing
from tests.factories.minio_server import MinioServer, minio_server

pytestmark = [pytest.mark.integration, pytest.mark.engines("kafka", "s3"), pytest.mark.timeout(1200)]

END_S = 360.0


@pytest.fixture
def server(stack: Settings) -> Iterator[MinioServer]:
    with minio_server(stack.s3) as made:
        yield made


@pytest.fixture
def land(stack: Settings, server: MinioServer) -> Iterator[Landscape]:
    made = landscape(stack.model_copy(update={"s3": server.settings}), partitions=2)
    yield made
    server.start()
    made.remove()


def test_an_outage_ends_the_lander_with_one_message_and_the_next_start_goes_on(
    land: Landscape, server: MinioServer
) -> None:
    lander = start_lander(land)
    try:
        wait_until_landing(lander)
        send(land, (tick(number) for number in range(1_000)), partitions=range(2))
        server.stop()
        send(land, (tick(number) for number in range(1_000, 2_000)), partitions=range(2))
        out, err = lander.communicate(timeout=END_S)
    finally:
        lander.kill()
    _assert_one_message(lander, out + err, land)

    refused = start_lander(land)
    out, err = refused.communicate(timeout=END_S)
    _assert_one_message(refused, out + err, land)

    server.start()
    land_here(land)
    again = land_here(land)

    assert again.messages == 0
    assert sorted(land.rows()["sequence"].to_pylist()) == list(range(2_000))


def test_a_refusal_of_the_store_is_told_too(land: Landscape) -> None:
    wrong = land.settings.s3.model_copy(update={"access_key": "nobody"})

    with pytest.raises(StoreError, match=r"tables of test\.ticks.*127\.0\.0\.1.*keys right"):
        land_here(replace(land, settings=land.settings.model_copy(update={"s3": wrong})))


def _assert_one_message(lander: "subprocess.Popen[str]", text: str, land: Landscape) -> None:
    lines = [json.loads(line) for line in text.splitlines()]  # a traceback would not be JSON
    (failed,) = (line for line in lines if line["event"] == "landing_failed")
    assert lander.returncode == 1
    assert failed["kind"] == "StoreError"
    assert land.topic.name in failed["error"]
    assert land.settings.s3.endpoint_url in failed["error"]
    assert "start the lander again" in failed["error"]
    assert "\x1b" not in failed["error"]
