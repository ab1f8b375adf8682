"""The same decode and write by Quix Streams, run in an environment of its own that is made for it:
`hot_quix.py BOOTSTRAP TOPIC REDIS_URL`. It knows nothing of Tidemark."""

import json
import sys
import tempfile
from datetime import UTC, datetime
from typing import Any

import redis
from quixstreams import Application


def main(arguments: list[str]) -> None:
    """Keep the latest quote of each symbol, and tell a probe's price that goes above its bound, until SIGTERM."""
    bootstrap, topic, url = arguments
    store = redis.Redis.from_url(url)
    above: dict[str, bool] = {}

    def write(tick: dict[str, Any]) -> None:
        name, price, at_us = tick["symbol"], tick["price"], tick["event_time_us"]
        store.hset("hot:quotes", name, json.dumps({"mark": price, "as_of_us": at_us, "seq": tick["sequence"]}))
        crossed = name.startswith("PROBE") and price >= 100.0
        if crossed and not above.get(name):
            at = datetime.fromtimestamp(at_us / 1e6, UTC).isoformat()
            store.publish("alerts", json.dumps({"symbol": name, "at": at, "value": price}))
        above[name] = crossed

    scratch = tempfile.mkdtemp(prefix="bench-quix-")
    app = Application(
        broker_address=bootstrap,
        consumer_group="bench-quix",
        auto_offset_reset="latest",
        auto_create_topics=False,
        state_dir=scratch,
        consumer_extra_config={"fetch.wait.max.ms": 5},
    )
    app.dataframe(app.topic(topic, value_deserializer="json")).update(write)
    app.run()


if __name__ == "__main__":
    main(sys.argv[1:])
