"""Valuations, imports and saved column mappings, in PostgreSQL."""

from lakehouse.contracts.model import Column, Store, Table, Type

POSTGRES = (Store.POSTGRES,)

VALUATION = Table(
    name="app.valuation",
    doc="What a portfolio was worth at the close of a day, computed from its books, closes and rates.",
    grain="portfolio_id, business_date",
    owner="portfolio",
    columns=(
        Column("id", Type.UUID, "UUIDv7; a day that is computed again keeps it"),
        Column("owner_id", Type.UUID, "user that owns the portfolio"),
        Column("portfolio_id", Type.UUID, "portfolio"),
        Column("business_date", Type.DATE, "day whose close it is, UTC"),
        Column("currency", Type.STRING, "base currency of the portfolio"),
        Column(
            "value_minor",
            Type.INT64,
            "cash and positions; absent where a price or rate is missing",
            nullable=True,
            unit="minor units of currency",
        ),
        Column(
            "cash_minor",
            Type.INT64,
            "cash of every currency; absent where a rate is missing",
            nullable=True,
            unit="minor units of currency",
        ),
        Column(
            "net_flow_minor",
            Type.INT64,
            "deposits and transfers in less withdrawals and transfers out of the day; absent where it has no value",
            nullable=True,
            unit="minor units of currency",
        ),
        Column("reasons", Type.JSON, "what is missing or stale: objects of code, detail and symbols"),
        Column("computed_at", Type.TIMESTAMP, "when it was computed"),
    ),
    key=("id",),
    stores=POSTGRES,
)

IMPORT_MAPPING = Table(
    name="app.import_mapping",
    doc="Which column of a CSV file means what, saved by a user under a name.",
    grain="id",
    owner="books",
    columns=(
        Column("id", Type.UUID, "UUIDv7"),
        Column("owner_id", Type.UUID, "user that saved it"),
        Column("name", Type.STRING, "unique among its owner's mappings"),
        Column("layout", Type.JSON, "columns by field, and how dates, decimals and kinds are written"),
        Column("version", Type.INT32, "goes up by one with each change"),
        Column("created_at", Type.TIMESTAMP, "when it was saved"),
        Column("updated_at", Type.TIMESTAMP, "when it last changed"),
    ),
    key=("id",),
    stores=POSTGRES,
)

IMPORT = Table(
    name="app.import",
    doc="Files of transactions that were booked; a dry run leaves nothing.",
    grain="id",
    owner="books",
    columns=(
        Column("id", Type.UUID, "UUIDv7; import_id of the transactions"),
        Column("owner_id", Type.UUID, "user that sent it"),
        Column("portfolio_id", Type.UUID, "portfolio that it was booked in"),
        Column("preset", Type.STRING, "layout that read it: a preset's name, or mapping"),
        Column("file_sha256", Type.STRING, "SHA-256 of the file's bytes, in hexadecimal"),
        Column("row_count", Type.INT32, "rows of the file, without its header"),
        Column("booked", Type.INT32, "rows that became transactions"),
        Column("duplicates", Type.INT32, "rows that were booked before"),
        Column("errors", Type.INT32, "rows that were skipped because they are wrong"),
        Column("drafts", Type.JSON, "symbols that nobody knew, added as draft instruments"),
        Column("created_at", Type.TIMESTAMP, "when it was booked"),
    ),
    key=("id",),
    stores=POSTGRES,
)

IMPORT_ROW = Table(
    name="app.import_row",
    doc="What became of each row of an import.",
    grain="import_id, row",
    owner="books",
    columns=(
        Column("import_id", Type.UUID, "import"),
        Column("row", Type.INT32, "line of the file, 1 is the header"),
        Column("status", Type.STRING, "booked, duplicate, error or draft_instrument (booked, with an unknown symbol)"),
        Column("code", Type.STRING, "stable name of what happened"),
        Column("detail", Type.STRING, "the same in words"),
        Column("source", Type.STRING, "the row as it stood in the file, cut to 500 characters"),
    ),
    key=("import_id", "row"),
    stores=POSTGRES,
)

TABLES: tuple[Table, ...] = (VALUATION, IMPORT_MAPPING, IMPORT, IMPORT_ROW)
