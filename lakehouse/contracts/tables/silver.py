"""Silver: typed, de-duplicated, checked facts; a pure function of a bronze version."""

from lakehouse.contracts.model import Column, Engine, Table, Type
from lakehouse.contracts.tables.bronze import BAR_FIELDS, TICK_FIELDS

BRONZE_REFERENCE = (
    Column("_partition", Type.INT32, "partition of the bronze row that won"),
    Column("_offset", Type.INT64, "offset of the bronze row that won"),
)

DAILY_BARS = Table(
    name="silver.daily_bars_v1",
    doc="One bar per instrument and trading day: of several the one landed last.",
    grain="symbol, business_date",
    owner="market-data",
    columns=(
        *BAR_FIELDS,
        Column("business_year", Type.INT32, "year of business_date: the partition"),
        *BRONZE_REFERENCE,
    ),
    key=("symbol", "business_date"),
    partition_by="business_year",
    writer=Engine.SPARK,
    checks=("close > 0", "high IS NULL OR low IS NULL OR high >= low"),
)

TICKS = Table(
    name="silver.ticks_v1",
    doc="One row per tick, by event date, late ticks merged.",
    grain="provider, symbol, event_time, sequence",
    owner="market-data",
    columns=(
        *(column for column in TICK_FIELDS if column.name != "event_time_us"),
        Column("event_time", Type.TIMESTAMP, "when it happened at the venue"),
        Column("event_date", Type.DATE, "UTC date of event_time: the partition"),
        *BRONZE_REFERENCE,
    ),
    key=("provider", "symbol", "event_time", "sequence"),
    partition_by="event_date",
    writer=Engine.SPARK,
    checks=("kind IN ('trade', 'quote')", "price IS NULL OR price > 0"),
)

POSITIONS = Table(
    name="silver.positions_v1",
    doc="What every portfolio held at the close of a business date, copied from PostgreSQL.",
    grain="portfolio_id, symbol, business_date",
    owner="portfolio",
    columns=(
        Column("business_date", Type.DATE, "close of this day: the partition"),
        Column("portfolio_id", Type.UUID, "portfolio"),
        Column("portfolio_name", Type.STRING, "its name"),
        Column("base_currency", Type.STRING, "ISO 4217 code of its reports"),
        Column("symbol", Type.STRING, "instrument"),
        Column("quantity", Type.DECIMAL, "units held; negative is short", unit="units", precision=28, scale=8),
    ),
    key=("business_date", "portfolio_id", "symbol"),
    partition_by="business_date",
    writer=Engine.SPARK,
    checks=("quantity <> 0",),
)

FX_RATES = Table(
    name="silver.fx_rates_v1",
    doc="Exchange rates by day, copied from PostgreSQL: what foreign holdings are worth, and how that has moved.",
    grain="base, quote, as_of",
    owner="market-data",
    columns=(
        Column("base", Type.STRING, "ISO 4217 code of the currency that is priced"),
        Column("quote", Type.STRING, "ISO 4217 code of the currency that prices it"),
        Column("as_of", Type.DATE, "day that the rate is for"),
        Column("rate", Type.DECIMAL, "price", unit="units of quote for one unit of base", precision=18, scale=8),
        Column("provider", Type.STRING, "who says so"),
        Column("as_of_year", Type.INT32, "year of as_of: the partition"),
    ),
    key=("base", "quote", "as_of"),
    partition_by="as_of_year",
    writer=Engine.SPARK,
    checks=("rate > 0", "base <> quote"),
)

REJECTED_ROWS = Table(
    name="silver.rejected_rows_v1",
    doc="Bronze rows that a silver job refused, with the reason: silver + duplicates + rejected = bronze, always.",
    grain="job, business_date, bronze offset",
    owner="market-data",
    columns=(
        Column("job", Type.STRING, "silver job that refused the row"),
        Column("event_date", Type.DATE, "date that the row claims"),
        Column("_topic", Type.STRING, "topic of the bronze row"),
        *BRONZE_REFERENCE,
        Column("reason", Type.STRING, "one of lakehouse.contracts.reasons.Reason"),
        Column("detail", Type.STRING, "what was wrong, with the value"),
    ),
    key=("job", "_topic", "_partition", "_offset"),
    partition_by="job",
    writer=Engine.SPARK,
)

TABLES = (DAILY_BARS, TICKS, POSITIONS, FX_RATES, REJECTED_ROWS)
