"""A Redis that hangs holds the loop up for a small share of the time."""

import socket

from pydantic import SecretStr

from lakehouse.clock import ManualClock
from lakehouse.settings import RedisSettings
from lakehouse.stores import redis
from streaming.hot.metrics import HotMetrics
from streaming.hot.sinks import REST_S, REST_TIMES, RedisSink

LOST_S = 1.0


class Passing(ManualClock):
    """LOST_S pass between two questions."""

    def monotonic(self) -> float:
        self.sleep(LOST_S)
        return super().monotonic()


def test_one_that_does_not_answer_is_left_alone_for_much_longer_than_it_took() -> None:
    clock, metrics = Passing(), HotMetrics()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        section = RedisSettings(host="127.0.0.1", port=silent.getsockname()[1], password=SecretStr(""))
        sink = RedisSink(redis.connect_impatient(section, timeout_s=0.05), clock=clock, metrics=metrics)
        asked = 0
        while metrics.registry.get_sample_value("tidemark_hot_redis_failures_total") != 2.0:
            assert not sink.write({"AAPL": b"1"}, {})
            asked += 1
        sink.close()

    assert LOST_S * REST_TIMES > REST_S
    assert asked == 1 + REST_TIMES
