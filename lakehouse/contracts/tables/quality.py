"""What checks found, and what companies did to their shares."""

from lakehouse.contracts.model import Column, Store, Table, Type

FINDING = (
    Column("id", Type.UUID, "UUIDv7"),
    Column("run_id", Type.STRING, "run whose output or input was judged"),
    Column("table_name", Type.STRING, "contract name of the table"),
    Column("check_name", Type.STRING, "check that was broken, or kind of defect"),
    Column("subject", Type.STRING, "what it is about, as a symbol; empty for the whole output"),
    Column("as_of", Type.DATE, "day of the bar or row, or the run's business date"),
    Column("job", Type.STRING, "job that found it"),
    Column("kind", Type.STRING, "type of check of lakehouse.contracts.quality, or defect"),
    Column("grade", Type.STRING, "fail (nothing was published) or warn"),
    Column("row_count", Type.INT64, "rows, groups or partitions that broke it", unit="rows"),
    Column("detail", Type.STRING, "the numbers, with an example"),
    Column("found_at", Type.TIMESTAMP, "when the run ended"),
)

QUALITY_FINDING = Table(
    name="ops.quality_finding",
    doc="Broken checks of outputs and defects of market data, run by run.",
    grain="run_id, table_name, check_name, subject, as_of",
    owner="platform",
    columns=FINDING,
    key=("id",),
    stores=(Store.POSTGRES,),
)

QUALITY_FINDING_MART = Table(
    name="ops.quality_finding_v1",
    doc="Copy of ops.quality_finding for analysts; publish_marts brings what is new.",
    grain="run_id, table_name, check_name, subject, as_of",
    owner="platform",
    columns=FINDING,
    key=("table_name", "check_name", "subject", "as_of", "id"),
    stores=(Store.CLICKHOUSE,),
)

CORPORATE_ACTION = Table(
    name="app.corporate_action",
    doc="Splits, spin-offs and dividends that were applied to prices and books, and those that were reversed.",
    grain="id; one that is not reversed per symbol, kind and ex_date",
    owner="market-data",
    columns=(
        Column("id", Type.UUID, "UUIDv7"),
        Column("symbol", Type.STRING, "instrument whose company acted"),
        Column("kind", Type.STRING, "split, reverse_split, spin_off or dividend"),
        Column("ex_date", Type.DATE, "first day on which the instrument trades without it"),
        Column(
            "ratio",
            Type.DECIMAL,
            "new units for one old; of a spin-off, units of related_symbol for one",
            nullable=True,
            precision=28,
            scale=8,
        ),
        Column("related_symbol", Type.STRING, "instrument that a spin-off hands out", nullable=True),
        Column(
            "cost_share",
            Type.DECIMAL,
            "part of cost and value that goes along with a spin-off",
            nullable=True,
            unit="share",
            precision=12,
            scale=8,
        ),
        Column("amount", Type.DECIMAL, "dividend of one unit", nullable=True, unit="currency", precision=18, scale=8),
        Column("currency", Type.STRING, "ISO 4217 code of amount", nullable=True),
        Column(
            "adjusts_prices",
            Type.BOOL,
            "whether returns adjust closes for it; false where the provider's closes are adjusted already",
        ),
        Column("source", Type.STRING, "where it was learnt"),
        Column("applied_at", Type.TIMESTAMP, "when it was applied"),
        Column("reversed_at", Type.TIMESTAMP, "when it was reversed; absent while it holds", nullable=True),
    ),
    key=("id",),
    stores=(Store.POSTGRES,),
)

TABLES = (QUALITY_FINDING, QUALITY_FINDING_MART, CORPORATE_ACTION)
"""Findings and corporate actions."""
