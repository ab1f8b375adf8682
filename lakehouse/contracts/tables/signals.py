"""Trading signals: who follows them, what came of each, and how far they were read."""

from lakehouse.contracts.model import Column, Store, Table, Type

POSTGRES = (Store.POSTGRES,)


def _share(name: str, doc: str) -> Column:
    return Column(name, Type.DECIMAL, doc, unit="1", precision=9, scale=8)


POLICY = Table(
    name="app.signal_policy",
    doc="Portfolios that let signals place orders, and how much these may do.",
    grain="portfolio_id",
    owner="trading",
    columns=(
        Column("portfolio_id", Type.UUID, "portfolio"),
        Column("is_active", Type.BOOL, "whether signals become orders now"),
        Column("sources", Type.JSON, "array of names: whose signals are followed"),
        Column("sides", Type.STRING, "both, buy or sell: what signals may do"),
        _share("min_confidence", "signals that are less sure are refused"),
        _share("max_share", "largest order, as a share of the portfolio's value"),
        _share("max_move", "largest distance between price and the signal's own, as a share of the latter"),
        Column("max_orders_a_day", Type.INT32, "orders that signals may place on a UTC day"),
        Column("max_age_s", Type.INT32, "older signals are refused", unit="seconds"),
        Column("version", Type.INT32, "goes up by one with each change"),
        Column("created_at", Type.TIMESTAMP, "when it was made"),
        Column("updated_at", Type.TIMESTAMP, "when it last changed"),
    ),
    key=("portfolio_id",),
    stores=POSTGRES,
)
OUTCOME = Table(
    name="app.signal_outcome",
    doc="What came of each signal in each portfolio that followed signals when it was read. Only ever added to.",
    grain="portfolio_id, signal_id",
    owner="trading",
    columns=(
        Column("id", Type.UUID, "UUIDv7"),
        Column("portfolio_id", Type.UUID, "portfolio"),
        Column("signal_id", Type.UUID, "the signal, as its maker calls it"),
        Column("symbol", Type.STRING, "instrument that it names, known or not"),
        Column("side", Type.STRING, "buy or sell"),
        Column("confidence", Type.FLOAT64, "how sure it was, from 0 to 1"),
        Column("source", Type.STRING, "who made it"),
        Column("signaled_at", Type.TIMESTAMP, "when it was made"),
        Column("outcome", Type.STRING, "ordered or refused"),
        Column("reason", Type.STRING, "the rule that refused it; empty where it was ordered"),
        Column("quantity", Type.DECIMAL, "units asked for; absent without", nullable=True, precision=28, scale=8),
        Column("order_id", Type.UUID, "the order, also one that was rejected", nullable=True),
        Column("decided_at", Type.TIMESTAMP, "when it was read and decided"),
    ),
    key=("id",),
    stores=POSTGRES,
)
PROGRESS = Table(
    name="ops.signal_progress",
    doc="How far signals are decided, moved on with what came of them; and the fence: an earlier epoch writes nothing.",
    grain="topic, partition",
    owner="trading",
    columns=(
        Column("topic", Type.STRING, "Kafka topic"),
        Column("partition", Type.INT32, "its partition"),
        Column("next_offset", Type.INT64, "first offset that is not decided yet"),
        Column("epoch", Type.INT64, "how often a process has taken the partition"),
        Column("owner", Type.STRING, "process that took it last, for people"),
        Column("updated_at", Type.TIMESTAMP, "when this row last changed"),
    ),
    key=("topic", "partition"),
    stores=POSTGRES,
)

TABLES = (POLICY, OUTCOME, PROGRESS)
