"""Delta tables on S3 by delta-rs: the writer of bronze, and a reader of every table."""

from deltalake import DeltaTable

from lakehouse.contracts.model import Engine, Table
from lakehouse.contracts.render import arrow
from lakehouse.settings import S3Settings


def options(section: S3Settings) -> dict[str, str]:
    """delta-rs storage options. Commits use conditional put, so two writers cannot overwrite each other."""
    return {
        "AWS_ENDPOINT_URL": section.endpoint_url,
        "AWS_REGION": section.region,
        "AWS_ACCESS_KEY_ID": section.access_key,
        "AWS_SECRET_ACCESS_KEY": section.secret_key.get_secret_value(),
        "AWS_ALLOW_HTTP": str(section.endpoint_url.startswith("http://")).lower(),
        "aws_conditional_put": "etag",
    }


def path(section: S3Settings, table: Table) -> str:
    """Where the table lives below the bucket's scheme, e.g. `tidemark-lake/bronze/market_ticks_v1`."""
    return f"{section.lake_bucket}/{table.layer}/{table.short_name}"


def uri(section: S3Settings, table: Table) -> str:
    """The table's address for delta-rs."""
    return f"s3://{path(section, table)}"


def open_table(section: S3Settings, table: Table, *, version: int | None = None) -> DeltaTable:
    """The table at `version`, or its newest. Raises deltalake's TableNotFoundError where it does not exist."""
    return DeltaTable(uri(section, table), version=version, storage_options=options(section))


def ensure_table(section: S3Settings, table: Table) -> DeltaTable:
    """Create a table that delta-rs owns from its contract, or open it. Idempotent, safe in a race."""
    if table.writer is not Engine.DELTA_RS:
        raise ValueError(f"{table.name} is written by {table.writer}: delta-rs must not create it")
    return DeltaTable.create(
        uri(section, table),
        schema=arrow.schema(table),
        mode="ignore",
        partition_by=[table.partition_by] if table.partition_by else None,
        name=table.name,
        description=table.doc,
        configuration={**retention(table), **_stats(table)},
        storage_options=options(section),
    )


def retention(table: Table) -> dict[str, str]:
    """The table properties that keep old versions readable for `retention_days`: their log and their files."""
    told = f"interval {table.retention_days} days"
    return {"delta.logRetentionDuration": told, "delta.deletedFileRetentionDuration": told}


def lacks_retention(found: DeltaTable, table: Table) -> bool:
    """Whether `found` was made, or changed by hand, with another retention than its contract's."""
    held = found.metadata().configuration
    return any(held.get(name) != told for name, told in retention(table).items())


def keep_retention(found: DeltaTable, table: Table) -> bool:
    """Make the retention of a table that delta-rs owns that of its contract; return whether it was another. Idempotent.

    `found` is at the new version then. Appends in between do no harm; a writer whose snapshot is older than the change
    gets CommitFailedError and has to append again, as the lander does.
    """
    if not lacks_retention(found, table):
        return False
    found.alter.set_table_properties(retention(table))
    return True


def _stats(table: Table) -> dict[str, str]:
    """Told to the table, or delta-rs's own dataset takes an absent statistic for a null and prunes every file."""
    return {"delta.dataSkippingStatsColumns": ",".join(table.stats_columns)} if table.stats_columns else {}
