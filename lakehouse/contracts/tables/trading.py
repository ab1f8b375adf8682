"""Orders, fills and their history, in PostgreSQL."""

from lakehouse.contracts.model import Column, Store, Table, Type

POSTGRES = (Store.POSTGRES,)

ORDER_MOVE = Table(
    name="trading.order_move",
    doc="The legal moves of an order.",
    grain="from_status, to_status",
    owner="trading",
    columns=(
        Column("from_status", Type.STRING, "status before"),
        Column("to_status", Type.STRING, "status after"),
    ),
    key=("from_status", "to_status"),
    stores=POSTGRES,
)

ORDER = Table(
    name="trading.order",
    doc="Orders, each with its state.",
    grain="id",
    owner="trading",
    columns=(
        Column("id", Type.UUID, "UUIDv7"),
        Column("portfolio_id", Type.UUID, "portfolio that trades"),
        Column("account_id", Type.UUID, "account of the portfolio"),
        Column("client_order_id", Type.STRING, "the client's own id: a second order with it is the same order"),
        Column("symbol", Type.STRING, "instrument"),
        Column("side", Type.STRING, "buy or sell"),
        Column("type", Type.STRING, "market, limit, stop, stop_limit or take_profit"),
        Column("time_in_force", Type.STRING, "day, gtc, gtd, ioc or fok"),
        Column("expires_at", Type.TIMESTAMP, "when it lapses", nullable=True),
        Column("quantity", Type.DECIMAL, "units ordered", precision=28, scale=8),
        Column("filled_quantity", Type.DECIMAL, "units filled", precision=28, scale=8),
        Column(
            "average_fill_price",
            Type.DECIMAL,
            "mean price of the fills",
            nullable=True,
            unit="instrument currency per unit",
            precision=18,
            scale=8,
        ),
        Column(
            "limit_price",
            Type.DECIMAL,
            "worst acceptable price",
            nullable=True,
            unit="instrument currency per unit",
            precision=18,
            scale=8,
        ),
        Column(
            "stop_price",
            Type.DECIMAL,
            "price that sets it off",
            nullable=True,
            unit="instrument currency per unit",
            precision=18,
            scale=8,
        ),
        Column(
            "reference_price",
            Type.DECIMAL,
            "last price seen when it was placed",
            nullable=True,
            unit="instrument currency per unit",
            precision=18,
            scale=8,
        ),
        Column("order_class", Type.STRING, "simple, bracket or oco"),
        Column("leg", Type.STRING, "entry, take_profit or stop_loss"),
        Column("parent_id", Type.UUID, "entry order of a bracket's leg", nullable=True),
        Column("oco_group", Type.UUID, "legs of which one cancels the others", nullable=True),
        Column("replaces", Type.UUID, "order that this one took the place of", nullable=True),
        Column("replaced_by", Type.UUID, "order that took this one's place", nullable=True),
        Column(
            "status",
            Type.STRING,
            "new, accepted, partially_filled, filled, canceled, expired, replaced, rejected or held",
        ),
        Column("status_reason", Type.STRING, "why it is in this status, by the rule's name"),
        Column("source", Type.STRING, "who placed it: api, automation or a strategy"),
        Column("currency", Type.STRING, "currency of the reservation and the fills"),
        Column(
            "reserved_minor", Type.INT64, "cash reserved for what is not filled yet", unit="minor units of currency"
        ),
        Column("reserved_quantity", Type.DECIMAL, "units reserved for what is not filled yet", precision=28, scale=8),
        Column(
            "lots",
            Type.JSON,
            "lot ids and quantities that a sale closes, where the account's method is specific",
            nullable=True,
        ),
        Column("surveillance_score", Type.FLOAT64, "how unusual it is for the account; see the check", nullable=True),
        Column("surveillance_alert", Type.BOOL, "whether the score is above the alert's limit", nullable=True),
        Column("surveillance_reason", Type.STRING, "feature that stands out most, usual, or insufficient_history"),
        Column("request_hash", Type.BINARY, "hash of the request: a retry must be the same"),
        Column("version", Type.INT32, "goes up by one with each change"),
        Column("created_at", Type.TIMESTAMP, "when it was placed"),
        Column("updated_at", Type.TIMESTAMP, "when it last changed"),
    ),
    key=("id",),
    stores=POSTGRES,
)

FILL = Table(
    name="trading.fill",
    doc="Executions: booked once, never changed.",
    grain="id",
    owner="trading",
    columns=(
        Column("id", Type.UUID, "UUIDv7"),
        Column("order_id", Type.UUID, "order that was filled"),
        Column("portfolio_id", Type.UUID, "portfolio of the order"),
        Column("venue_trade_id", Type.STRING, "the venue's own number, unique within the order"),
        Column("symbol", Type.STRING, "instrument"),
        Column("side", Type.STRING, "buy or sell"),
        Column("quantity", Type.DECIMAL, "units", precision=28, scale=8),
        Column("price", Type.DECIMAL, "price of a unit", unit="instrument currency per unit", precision=18, scale=8),
        Column("currency", Type.STRING, "currency of the cash"),
        Column("gross_minor", Type.INT64, "quantity times price", unit="minor units of currency"),
        Column("fee_minor", Type.INT64, "fees", unit="minor units of currency"),
        Column("transaction_id", Type.UUID, "transaction that booked it"),
        Column("filled_at", Type.TIMESTAMP, "when the venue filled it"),
        Column("created_at", Type.TIMESTAMP, "when it was booked"),
    ),
    key=("id",),
    stores=POSTGRES,
)

ORDER_EVENT = Table(
    name="trading.order_event",
    doc="Every change of an order's state.",
    grain="order_id, version",
    owner="trading",
    columns=(
        Column("order_id", Type.UUID, "order"),
        Column("version", Type.INT32, "version that the change made"),
        Column("from_status", Type.STRING, "status before"),
        Column("to_status", Type.STRING, "status after"),
        Column("reason", Type.STRING, "why, by the rule's name"),
        Column("fill_id", Type.UUID, "fill that moved it", nullable=True),
        Column("occurred_at", Type.TIMESTAMP, "when"),
    ),
    key=("order_id", "version"),
    stores=POSTGRES,
)

TABLES = (ORDER_MOVE, ORDER, FILL, ORDER_EVENT)
