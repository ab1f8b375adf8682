"""Any S3 endpoint that holds Delta tables must let exactly one of many racing writers create a key (ADR 0015)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest

from lakehouse.settings import Settings
from lakehouse.stores import objects

RACERS = 16

pytestmark = pytest.mark.integration


def _put_if_absent(url: str, body: bytes) -> int:
    return httpx.put(url, content=body, headers={"If-None-Match": "*"}, timeout=120.0).status_code


@pytest.mark.parametrize("round_", range(3))
def test_exactly_one_of_sixteen_racing_puts_wins(stack: Settings, round_: int) -> None:
    client = objects.connect(stack.s3)
    bucket = f"conformance-{uuid4()}"
    objects.ensure_bucket(client, bucket)
    url = client.presigned_put_object(bucket, f"log/{round_}.json", expires=timedelta(minutes=5))
    bodies = [f"writer {number}".encode() for number in range(RACERS)]

    with ThreadPoolExecutor(RACERS) as pool:
        statuses = list(pool.map(lambda body: _put_if_absent(url, body), bodies))

    response = client.get_object(bucket, f"log/{round_}.json")
    stored = response.read()
    response.close()
    client.remove_object(bucket, f"log/{round_}.json")
    client.remove_bucket(bucket)
    assert sorted(set(statuses)) == [200, 412]
    assert statuses.count(200) == 1
    assert stored == bodies[statuses.index(200)]
