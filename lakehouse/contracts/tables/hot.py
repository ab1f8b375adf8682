"""How the hot process goes on after its end: who owns a shard, how ticks were cut into batches, and states."""

from lakehouse.contracts.model import Column, Store, Table, Type

POSTGRES = (Store.POSTGRES,)
_SHARD = Column("shard", Type.STRING, "share of portfolios and symbols, as k/n: the k-th of n, counted from 0")

SHARD = Table(
    name="hot.shard",
    doc="The fence: who writes for a shard. Of an earlier epoch nothing is committed any more.",
    grain="shard",
    owner="risk",
    columns=(
        _SHARD,
        Column("epoch", Type.INT64, "how often a process has taken the shard"),
        Column("owner", Type.STRING, "process that took it last, for people"),
        Column("started_at", Type.TIMESTAMP, "when it did"),
    ),
    key=("shard",),
    stores=POSTGRES,
)

JOURNAL = Table(
    name="hot.journal",
    doc="How ticks were cut into batches, and which changes of books, rules and orders they met: a replay repeats it.",
    grain="shard, number",
    owner="risk",
    columns=(
        _SHARD,
        Column("number", Type.INT64, "counts from 1, without a gap"),
        Column("epoch", Type.INT64, "epoch of the process that wrote it"),
        Column("batches", Type.INT32, "batches of this row; the last of them may have had effects, committed with it"),
        Column(
            "cuts",
            Type.BINARY,
            "int64, little endian, a row a batch: the next offset of each partition of market.ticks after it, and the "
            "event time of the beat that came instead of ticks, in microseconds, or 0",
        ),
        Column(
            "changes", Type.STRING, "JSON of what changed before these batches, as streaming.hot.changes", nullable=True
        ),
        Column("ticks", Type.INT64, "ticks that were judged", unit="ticks"),
        Column("committed_at", Type.TIMESTAMP, "when"),
    ),
    key=("shard", "number"),
    stores=POSTGRES,
)

CHECKPOINT = Table(
    name="hot.checkpoint",
    doc="The whole state of the hot process after a row of its journal; the newest few and the first of each day stay.",
    grain="shard, number",
    owner="risk",
    columns=(
        _SHARD,
        Column("number", Type.INT64, "row of the journal after which it was; 0 is before the first"),
        Column("state", Type.BINARY, "msgpack of streaming.hot.checkpoint, compressed by zlib"),
        Column("made_at", Type.TIMESTAMP, "when it was written"),
    ),
    key=("shard", "number"),
    stores=POSTGRES,
)

TABLES = (SHARD, JOURNAL, CHECKPOINT)
