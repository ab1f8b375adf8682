"""Customers, payments and their settlements, in PostgreSQL."""

from lakehouse.contracts.model import Column, Store, Table, Type

POSTGRES = (Store.POSTGRES,)

CUSTOMER = Table(
    name="app.customer",
    doc="People whom a user of the API serves, with the result of the identity check; no document number is kept.",
    grain="id",
    owner="payments",
    columns=(
        Column("id", Type.UUID, "UUIDv7"),
        Column("owner_id", Type.UUID, "user that owns it"),
        Column("email", Type.STRING, "address, lower case, unique among its owner's customers"),
        Column("name", Type.STRING, "full name"),
        Column("birth_date", Type.DATE, "day of birth", nullable=True),
        Column("phone", Type.STRING, "number with its country's prefix", nullable=True),
        Column("country", Type.STRING, "ISO 3166 alpha-2 code of the residence", nullable=True),
        Column("address_line", Type.STRING, "street and number", nullable=True),
        Column("city", Type.STRING, "town", nullable=True),
        Column("postal_code", Type.STRING, "postal code", nullable=True),
        Column(
            "document_type", Type.STRING, "passport, national_id, driving_licence or residence_permit", nullable=True
        ),
        Column("document_country", Type.STRING, "ISO 3166 alpha-2 code of who issued it", nullable=True),
        Column("document_last4", Type.STRING, "last characters of its number; the rest is never stored", nullable=True),
        Column(
            "document_check",
            Type.STRING,
            "what the number's check said: absent, malformed, checksum_wrong, plausible or checksum_right",
        ),
        Column("ai_identity_score", Type.FLOAT64, "0 (nothing fits) to 1; see ml/checks/identity.py"),
        Column("ai_identity_reasons", Type.JSON, "points of each rule"),
        Column("version", Type.INT32, "goes up by one with each change"),
        Column("created_at", Type.TIMESTAMP, "when it was added"),
        Column("updated_at", Type.TIMESTAMP, "when it last changed"),
    ),
    key=("id",),
    stores=POSTGRES,
)

PAYMENT = Table(
    name="app.payment",
    doc="Payments from an account to another one, or out of the platform, with the result of the fraud check.",
    grain="id",
    owner="payments",
    columns=(
        Column("id", Type.UUID, "UUIDv7"),
        Column("owner_id", Type.UUID, "user that pays"),
        Column("from_account_id", Type.UUID, "account that pays"),
        Column("to_account_id", Type.UUID, "account that receives; absent where the money leaves", nullable=True),
        Column("counterparty_name", Type.STRING, "who receives outside of the platform", nullable=True),
        Column("counterparty_iban", Type.STRING, "account that receives outside of the platform", nullable=True),
        Column("amount_minor", Type.INT64, "amount", unit="minor units of currency"),
        Column("currency", Type.STRING, "currency"),
        Column("reference", Type.STRING, "what the receiver reads"),
        Column("note", Type.STRING, "the payer's own remark"),
        Column(
            "status",
            Type.STRING,
            "pending, held_for_review, authorised, blocked, settled, failed, canceled or returned",
        ),
        Column("status_reason", Type.STRING, "why it is in this status"),
        Column("fraud_score", Type.FLOAT64, "0 (usual) to 1; see ml/checks/fraud.py"),
        Column("fraud_recommendation", Type.STRING, "allow, review (money is reserved) or block (no money moves)"),
        Column("fraud_reasons", Type.JSON, "points of each rule"),
        Column(
            "fraud_model", Type.STRING, "rules, or rules+isolation_forest where the account's history is long enough"
        ),
        Column("reviewed_by", Type.UUID, "admin that approved or rejected it, never the payer", nullable=True),
        Column("reviewed_at", Type.TIMESTAMP, "when", nullable=True),
        Column("settled_at", Type.TIMESTAMP, "when the receiver had it", nullable=True),
        Column("version", Type.INT32, "goes up by one with each change"),
        Column("created_at", Type.TIMESTAMP, "when it was ordered"),
        Column("updated_at", Type.TIMESTAMP, "when it last changed"),
    ),
    key=("id",),
    stores=POSTGRES,
)

SETTLEMENT = Table(
    name="app.settlement",
    doc="How a payment that leaves the platform ended outside, and when the money of a trade changes hands.",
    grain="id",
    owner="payments",
    columns=(
        Column("id", Type.UUID, "UUIDv7"),
        Column("owner_id", Type.UUID, "user that pays, or that trades"),
        Column("payment_id", Type.UUID, "payment; absent of a trade", nullable=True),
        Column("amount_minor", Type.INT64, "amount", unit="minor units of currency"),
        Column("currency", Type.STRING, "currency"),
        Column("status", Type.STRING, "pending, settled, failed or returned (it came back after it had arrived)"),
        Column("status_reason", Type.STRING, "why it failed or came back"),
        Column("settles_on", Type.DATE, "day on which it should arrive; of a trade the day of its market"),
        Column("settled_at", Type.TIMESTAMP, "when it arrived", nullable=True),
        Column("version", Type.INT32, "goes up by one with each change"),
        Column("created_at", Type.TIMESTAMP, "when it was sent, or traded"),
        Column("updated_at", Type.TIMESTAMP, "when it last changed"),
        Column("trade_id", Type.UUID, "fill that is settled; absent of a payment", nullable=True),
        Column("direction", Type.STRING, "whether the money leaves (out) or comes (in)"),
    ),
    key=("id",),
    stores=POSTGRES,
)

TABLES = (CUSTOMER, PAYMENT, SETTLEMENT)
