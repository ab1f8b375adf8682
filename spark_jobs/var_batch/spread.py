"""Numbered pieces of work, done in this process or by Spark's workers: by the same function, so with the same bytes."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial

import pyarrow as pa
from pyspark.sql import SparkSession

from spark_jobs.kit.frames import from_arrow

Work = Callable[[int, bytes], bytes]
"""What answers a piece, given its number and what it is made from."""
PIECES = pa.schema([("number", pa.int32()), ("payload", pa.binary())])
ANSWERS = "number int, payload binary"


def performed(
    session: SparkSession | None, work: Work, pieces: Mapping[int, bytes], *, partitions: int | None = None
) -> dict[int, bytes]:
    """The answer to each piece: from this process without a session, else from Spark's workers in `partitions` tasks,
    as many as there are pieces unless told. `work` travels to the workers by value."""
    if session is None:
        return {number: work(number, payload) for number, payload in pieces.items()}
    table = pa.table([list(pieces.keys()), list(pieces.values())], schema=PIECES)
    # In turn and not by a hash of the number, which would give some workers several of a few pieces and others none.
    spread = from_arrow(session, table).repartition(partitions or len(pieces))
    done = spread.mapInArrow(partial(_perform, work=work), ANSWERS).toArrow()
    return dict(zip(done["number"].to_pylist(), done["payload"].to_pylist(), strict=True))


def _perform(batches: Iterator[pa.RecordBatch], work: Work) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for piece in batch.to_pylist():
            answer = work(piece["number"], piece["payload"])
            yield pa.record_batch([[piece["number"]], [answer]], schema=PIECES)
