"""A job whose query runs for five minutes, adding a byte to the file SLOW_QUERY_BEATS ten times a second."""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lakehouse.clock import Clock
from lakehouse.contracts.jobs import VAR_BATCH
from lakehouse.settings import Settings
from spark_jobs.kit.args import Request
from spark_jobs.kit.process import main
from spark_jobs.kit.session import opened

if TYPE_CHECKING:
    import pyarrow as pa

BEATS = Path(os.environ["SLOW_QUERY_BEATS"])


def perform(request: Request, settings: Settings, _: Clock) -> tuple[int, dict[str, Any]]:
    """Run the query to its end."""

    def beating(batches: "Iterator[pa.RecordBatch]") -> "Iterator[pa.RecordBatch]":
        for batch in batches:
            for _ in range(3000):
                with BEATS.open("ab") as beats:
                    beats.write(b".")
                time.sleep(0.1)
            yield batch

    with opened(settings.spark, request.run_id or "slow") as session:
        session.range(0, 2, 1, 2).mapInArrow(beating, "id long").count()
    return 0, {}


if __name__ == "__main__":
    sys.exit(main(VAR_BATCH, perform))
