"""Accounts, the ledger, transactions and what they fold to, in PostgreSQL: the truth of money and positions."""

from lakehouse.contracts.model import Column, Store, Table, Type

POSTGRES = (Store.POSTGRES,)

INSTRUMENT = Table(
    name="app.instrument",
    doc="What can be held or quoted.",
    grain="symbol",
    owner="portfolio",
    columns=(
        Column("symbol", Type.STRING, "ticker"),
        Column("name", Type.STRING, "full name"),
        Column("currency", Type.STRING, "ISO 4217 code of its prices"),
        Column("exchange", Type.STRING, "MIC of its main venue"),
        Column("created_at", Type.TIMESTAMP, "when it was added"),
        Column("id", Type.UUID, "name of it in addresses of the API"),
        Column("kind", Type.STRING, "equity, etf, fund, bond, option, crypto, commodity or other"),
        Column("status", Type.STRING, "draft (an import met it), active or delisted"),
        Column(
            "multiplier", Type.DECIMAL, "units of the underlying that one contract stands for", precision=18, scale=8
        ),
        Column("sector", Type.STRING, "industry sector; empty where unknown"),
        Column("version", Type.INT32, "goes up by one with each change"),
        Column("updated_at", Type.TIMESTAMP, "when it last changed"),
        Column(
            "created_by", Type.UUID, "user whose import or seed made it a draft; absent of any other", nullable=True
        ),
    ),
    key=("symbol",),
    stores=POSTGRES,
)

ACCOUNT = Table(
    name="app.account",
    doc="Holds money, and the rules by which lots are closed; a brokerage account has at most one portfolio.",
    grain="id",
    owner="books",
    columns=(
        Column("id", Type.UUID, "UUIDv7"),
        Column("owner_id", Type.UUID, "user that owns it"),
        Column("name", Type.STRING, "unique among its owner's accounts"),
        Column("kind", Type.STRING, "brokerage or cash"),
        Column("base_currency", Type.STRING, "ISO 4217 code of its reports"),
        Column("lot_method", Type.STRING, "which lot a sale closes first: fifo, lifo, hifo, average or specific"),
        Column("allows_short", Type.BOOL, "whether more may be sold than is held"),
        Column("status", Type.STRING, "open or closed"),
        Column("version", Type.INT32, "goes up by one with each change"),
        Column("created_at", Type.TIMESTAMP, "when it was opened"),
        Column("updated_at", Type.TIMESTAMP, "when it last changed"),
    ),
    key=("id",),
    stores=POSTGRES,
)

PORTFOLIO = Table(
    name="app.portfolio",
    doc="A set of positions reported together.",
    grain="id",
    owner="portfolio",
    columns=(
        Column("id", Type.UUID, "UUIDv7"),
        Column("name", Type.STRING, "unique among its owner's portfolios"),
        Column("description", Type.STRING, "what it is for"),
        Column("base_currency", Type.STRING, "ISO 4217 code of its reports"),
        Column("created_at", Type.TIMESTAMP, "when it was opened"),
        Column("owner_id", Type.UUID, "user that owns it"),
        Column("account_id", Type.UUID, "account that holds its cash; no other portfolio has it"),
        Column("version", Type.INT32, "goes up by one with each change"),
        Column("updated_at", Type.TIMESTAMP, "when it last changed"),
    ),
    key=("id",),
    stores=POSTGRES,
)

POSITION = Table(
    name="app.position",
    doc="Units of an instrument that a portfolio holds: the fold of its transactions.",
    grain="portfolio_id, symbol",
    owner="portfolio",
    columns=(
        Column("portfolio_id", Type.UUID, "portfolio"),
        Column("symbol", Type.STRING, "instrument"),
        Column("quantity", Type.DECIMAL, "units held; negative is short, zero does not exist", precision=28, scale=8),
        Column("updated_at", Type.TIMESTAMP, "when it last changed"),
        Column("id", Type.UUID, "name of it in addresses of the API, made from portfolio and symbol"),
        Column(
            "reserved_quantity",
            Type.DECIMAL,
            "units that open orders will close: sell, or, negative of a short position, buy back",
            precision=28,
            scale=8,
        ),
        Column("version", Type.INT32, "goes up by one with each change"),
    ),
    key=("portfolio_id", "symbol"),
    stores=POSTGRES,
)

TRANSACTION = Table(
    name="app.transaction",
    doc="What happened in a portfolio: booked once, never changed, reversed where it was wrong.",
    grain="id",
    owner="books",
    columns=(
        Column("id", Type.UUID, "UUIDv7"),
        Column("portfolio_id", Type.UUID, "portfolio"),
        Column("account_id", Type.UUID, "account of the portfolio"),
        Column(
            "kind",
            Type.STRING,
            "what happened: one of lakehouse.portfolio.transactions.Kind",
        ),
        Column("symbol", Type.STRING, "instrument; absent where none is concerned", nullable=True),
        Column(
            "quantity",
            Type.DECIMAL,
            "units bought, sold or transferred, always positive",
            nullable=True,
            precision=28,
            scale=8,
        ),
        Column(
            "price",
            Type.DECIMAL,
            "price of a unit; of a transfer in, its cost",
            nullable=True,
            unit="instrument currency per unit",
            precision=18,
            scale=8,
        ),
        Column("currency", Type.STRING, "currency of the cash"),
        Column(
            "gross_minor",
            Type.INT64,
            "worth of the units, or the amount, before charges; never negative",
            unit="minor units of currency",
        ),
        Column(
            "cash_minor",
            Type.INT64,
            "effect on the account's cash, charges included; negative pays out",
            unit="minor units of currency",
        ),
        Column("fee_minor", Type.INT64, "commission and fees in cash_minor", unit="minor units of currency"),
        Column("tax_minor", Type.INT64, "taxes in cash_minor", unit="minor units of currency"),
        Column(
            "fx_rate",
            Type.DECIMAL,
            "units of currency for one unit of the instrument's; of a conversion, of to_currency for one of currency",
            precision=18,
            scale=8,
        ),
        Column(
            "ratio",
            Type.DECIMAL,
            "new units for one old unit of a split; units of the new instrument for one held, of a spin-off",
            nullable=True,
            precision=18,
            scale=8,
        ),
        Column("related_symbol", Type.STRING, "instrument that a spin-off hands out", nullable=True),
        Column(
            "cost_share",
            Type.DECIMAL,
            "part of the cost that goes to the instrument spun off, 0 to 1",
            nullable=True,
            precision=9,
            scale=8,
        ),
        Column(
            "lots",
            Type.JSON,
            "lot ids and quantities that a sale closes, where the account's method is specific",
            nullable=True,
        ),
        Column("occurred_at", Type.TIMESTAMP, "when it happened"),
        Column("settles_on", Type.DATE, "when the cash moves"),
        Column(
            "external_id", Type.STRING, "the broker's own number: a second row with it is a duplicate", nullable=True
        ),
        Column("source", Type.STRING, "api, import, fill, payment, seed or corporate_action"),
        Column("fill_id", Type.UUID, "fill that caused it", nullable=True),
        Column("import_id", Type.UUID, "import that brought it", nullable=True),
        Column("note", Type.STRING, "the owner's remark"),
        Column("reversed_at", Type.TIMESTAMP, "when it was reversed; absent while it counts", nullable=True),
        Column("version", Type.INT32, "goes up by one with each change"),
        Column("created_at", Type.TIMESTAMP, "when it was booked"),
        Column("to_currency", Type.STRING, "currency that a conversion brings; absent of any other", nullable=True),
        Column(
            "to_minor",
            Type.INT64,
            "cash that a conversion brings, positive",
            nullable=True,
            unit="minor units of to_currency",
        ),
    ),
    key=("id",),
    stores=POSTGRES,
)

LOT = Table(
    name="app.lot",
    doc="Open lots: what a purchase still holds.",
    grain="portfolio_id, symbol, id",
    owner="books",
    columns=(
        Column("portfolio_id", Type.UUID, "portfolio"),
        Column("symbol", Type.STRING, "instrument"),
        Column("id", Type.UUID, "the opening transaction's id, or one made from it where it opened several"),
        Column("opened_by", Type.UUID, "transaction that opened it"),
        Column("opened_at", Type.TIMESTAMP, "when it was bought; a split or spin-off keeps it"),
        Column(
            "original_quantity",
            Type.DECIMAL,
            "units at the opening, in today's units; negative is short",
            precision=28,
            scale=8,
        ),
        Column("quantity", Type.DECIMAL, "units left; negative is short", precision=28, scale=8),
        Column(
            "cost_minor",
            Type.INT64,
            "cost of the units left, charges included; of a short lot the proceeds, negative",
            unit="minor units of currency",
        ),
        Column("currency", Type.STRING, "currency that was paid"),
    ),
    key=("portfolio_id", "symbol", "id"),
    stores=POSTGRES,
)

LOT_CLOSURE = Table(
    name="app.lot_closure",
    doc="What a sale took from a lot: proceeds less cost is the realised gain.",
    grain="portfolio_id, symbol, closed_by, lot_id",
    owner="books",
    columns=(
        Column("portfolio_id", Type.UUID, "portfolio"),
        Column("symbol", Type.STRING, "instrument"),
        Column("closed_by", Type.UUID, "transaction that closed"),
        Column("lot_id", Type.UUID, "lot that was closed, in part or whole"),
        Column("opened_at", Type.TIMESTAMP, "when the lot was opened"),
        Column("closed_at", Type.TIMESTAMP, "when it was closed"),
        Column(
            "quantity", Type.DECIMAL, "units closed; negative where a short lot was bought back", precision=28, scale=8
        ),
        Column("cost_minor", Type.INT64, "cost of these units", unit="minor units of cost_currency"),
        Column("cost_currency", Type.STRING, "currency of the cost"),
        Column(
            "proceeds_minor",
            Type.INT64,
            "proceeds of these units, net of charges",
            unit="minor units of proceeds_currency",
        ),
        Column("proceeds_currency", Type.STRING, "currency of the proceeds"),
    ),
    key=("portfolio_id", "symbol", "closed_by", "lot_id"),
    stores=POSTGRES,
)

CURRENCY = Table(
    name="ledger.currency",
    doc="Currencies and how many digits their minor unit has.",
    grain="code",
    owner="ledger",
    columns=(
        Column("code", Type.STRING, "ISO 4217 code, or SIM_COIN"),
        Column("minor_digits", Type.INT32, "digits after the point"),
    ),
    key=("code",),
    stores=POSTGRES,
)

LEDGER_ACCOUNT = Table(
    name="ledger.account",
    doc="Accounts of the double entry, one a purpose and currency.",
    grain="id",
    owner="ledger",
    columns=(
        Column("id", Type.UUID, "UUIDv7"),
        Column("account_id", Type.UUID, "account of a user; absent for the platform's own", nullable=True),
        Column(
            "purpose",
            Type.STRING,
            "cash and coin hold money; the others are where it comes from and goes to",
        ),
        Column("currency", Type.STRING, "currency"),
        Column("balance_minor", Type.INT64, "sum of its entries", unit="minor units of currency"),
        Column(
            "reserved_minor",
            Type.INT64,
            "part of the balance that open orders, payments under review and open short sales keep back",
            unit="minor units of currency",
        ),
        Column("allows_negative", Type.BOOL, "whether the balance may be below zero: never for cash and coin"),
        Column("created_at", Type.TIMESTAMP, "when it was made"),
    ),
    key=("id",),
    stores=POSTGRES,
)

TRANSFER = Table(
    name="ledger.transfer",
    doc="A booking: entries that sum to zero in every currency.",
    grain="id",
    owner="ledger",
    columns=(
        Column("id", Type.UUID, "UUIDv7"),
        Column("kind", Type.STRING, "what was booked"),
        Column("source_id", Type.UUID, "transaction, payment or fill that it books; booked once a kind"),
        Column("reverses", Type.UUID, "transfer that this one undoes", nullable=True),
        Column("effective_at", Type.TIMESTAMP, "when it counts"),
        Column("note", Type.STRING, "remark"),
        Column("transaction_id", Type.INT64, "database transaction that wrote it: later ones cannot add entries"),
        Column("booked_at", Type.TIMESTAMP, "when it was written"),
    ),
    key=("id",),
    stores=POSTGRES,
)

ENTRY = Table(
    name="ledger.entry",
    doc="One line of a transfer.",
    grain="transfer_id, line",
    owner="ledger",
    columns=(
        Column("transfer_id", Type.UUID, "transfer"),
        Column("line", Type.INT32, "line, from 1"),
        Column("ledger_account_id", Type.UUID, "account of the ledger"),
        Column("currency", Type.STRING, "currency, that of the account"),
        Column("amount_minor", Type.INT64, "change of the balance", unit="minor units of currency"),
    ),
    key=("transfer_id", "line"),
    stores=POSTGRES,
)

FX_RATE = Table(
    name="market.fx_rate",
    doc="Exchange rates by day.",
    grain="base, quote, as_of",
    owner="market-data",
    columns=(
        Column("base", Type.STRING, "currency that is priced"),
        Column("quote", Type.STRING, "currency that prices it"),
        Column("as_of", Type.DATE, "day that the rate is for"),
        Column("rate", Type.DECIMAL, "units of quote for one unit of base", precision=18, scale=8),
        Column("provider", Type.STRING, "who says so"),
    ),
    key=("base", "quote", "as_of"),
    stores=POSTGRES,
)

TABLES = (
    INSTRUMENT,
    ACCOUNT,
    PORTFOLIO,
    POSITION,
    TRANSACTION,
    LOT,
    LOT_CLOSURE,
    CURRENCY,
    LEDGER_ACCOUNT,
    TRANSFER,
    ENTRY,
    FX_RATE,
)
