"""Orders at brokers: which portfolios trade there, what was sent, what was traded, and what does not agree."""

from lakehouse.contracts.model import Column, Store, Table, Type

POSTGRES = (Store.POSTGRES,)
_VENUE = Column("venue", Type.STRING, "alpaca (paper), alpaca-live (money) or angel-one")

ROUTE = Table(
    name="broker.route",
    doc="Portfolios whose orders go to a broker; those without a row trade at the simulated venue.",
    grain="portfolio_id",
    owner="trading",
    columns=(
        Column("portfolio_id", Type.UUID, "portfolio"),
        _VENUE,
        Column("set_at", Type.TIMESTAMP, "when it was chosen"),
    ),
    key=("portfolio_id",),
    stores=POSTGRES,
)
SUBMISSION = Table(
    name="broker.submission",
    doc="Orders that were sent to a broker, or may have been: written before each is sent.",
    grain="order_id",
    owner="trading",
    columns=(
        Column("order_id", Type.UUID, "order"),
        Column("portfolio_id", Type.UUID, "its portfolio"),
        _VENUE,
        Column("client_id", Type.STRING, "what the broker was told to call it; one order has one, always the same"),
        Column("broker_id", Type.STRING, "what the broker calls it; empty while that is not known"),
        Column(
            "status",
            Type.STRING,
            "in_doubt (the broker may have it), unsent (it surely has not), open (it has) or ended",
        ),
        Column("reason", Type.STRING, "what the broker last said of it, or why it is in doubt"),
        Column("sends", Type.INT32, "how often it was sent"),
        Column("sent_at", Type.TIMESTAMP, "when it was last sent, or just before"),
        Column("cancel_asked_at", Type.TIMESTAMP, "when its owner wanted it canceled", nullable=True),
        Column("created_at", Type.TIMESTAMP, "when it was first sent, or just before"),
        Column("updated_at", Type.TIMESTAMP, "when the broker's process last changed it"),
    ),
    key=("order_id",),
    stores=POSTGRES,
)
EXECUTION = Table(
    name="broker.execution",
    doc="Trades that a broker tells of our orders, booked or refused by the books.",
    grain="venue, trade_id",
    owner="trading",
    columns=(
        _VENUE,
        Column("trade_id", Type.STRING, "the broker's id of it: the same trade is booked once"),
        Column("order_id", Type.UUID, "order that was filled"),
        Column("quantity", Type.DECIMAL, "units", precision=28, scale=8),
        Column("price", Type.DECIMAL, "price", unit="instrument currency per unit", precision=18, scale=8),
        Column("executed_at", Type.TIMESTAMP, "when, by the broker's clock"),
        Column("is_booked", Type.BOOL, "whether the books have it"),
        Column("rule", Type.STRING, "the rule by which the books refuse it; empty where they have it"),
        Column("seen_at", Type.TIMESTAMP, "when the broker first told it"),
    ),
    key=("venue", "trade_id"),
    stores=POSTGRES,
)
PROGRESS = Table(
    name="broker.progress",
    doc="How far a broker's trades were read, and when all of it last agreed.",
    grain="venue",
    owner="trading",
    columns=(
        _VENUE,
        Column("seen_at", Type.TIMESTAMP, "trades before it were read, but for those that the broker tells late"),
        Column(
            "reconciled_at", Type.TIMESTAMP, "when it was last compared; absent before the first time", nullable=True
        ),
    ),
    key=("venue",),
    stores=POSTGRES,
)
DIFFERENCE = Table(
    name="broker.difference",
    doc="What a broker and the books do not agree on: nothing is sent until it is gone, or a person accepts it.",
    grain="id",
    owner="trading",
    columns=(
        Column("id", Type.UUID, "UUIDv7"),
        _VENUE,
        Column("portfolio_id", Type.UUID, "portfolio that does not trade; absent: none at this broker", nullable=True),
        Column(
            "name",
            Type.STRING,
            "account_blocked, position, order_unknown, order_missing, order_in_doubt, execution_refused or "
            "executions_missing",
        ),
        Column("subject", Type.STRING, "symbol, or id at the broker"),
        Column("detail", Type.STRING, "how much, or by which rule: another amount is another difference"),
        Column("message", Type.STRING, "the same for people"),
        Column("found_at", Type.TIMESTAMP, "when it was found"),
        Column("accepted_at", Type.TIMESTAMP, "when a person accepted it", nullable=True),
        Column("accepted_by", Type.STRING, "who that was", nullable=True),
        Column("gone_at", Type.TIMESTAMP, "when it was found no more", nullable=True),
    ),
    key=("id",),
    stores=POSTGRES,
)

TABLES = (ROUTE, SUBMISSION, EXECUTION, PROGRESS, DIFFERENCE)
