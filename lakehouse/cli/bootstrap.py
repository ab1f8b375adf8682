"""`tidemark bootstrap`: what engines of your own need before the platform's processes start."""

import typer
from rich.console import Console


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(bootstrap)


def bootstrap() -> None:
    """Create topics and buckets and migrate PostgreSQL and ClickHouse, on the engines that the settings name.

    Idempotent. `tidemark up` does this by itself for the embedded stack; containers run it once before they start.
    """
    from lakehouse.contracts.topics import DERIVED, TOPICS
    from lakehouse.migrations import clickhouse, postgres
    from lakehouse.settings import load
    from lakehouse.stores import kafka, objects

    settings, console = load(), Console(stderr=True)
    created = kafka.ensure_topics(settings.kafka, (*TOPICS.values(), *DERIVED))
    console.print("topics created:", ", ".join(created) or "none was missing", highlight=False)
    client = objects.connect(settings.s3)
    for bucket in (settings.s3.lake_bucket, settings.s3.mlflow_bucket):
        objects.ensure_bucket(client, bucket)
    console.print("buckets are there", highlight=False)
    for name, steps in (("PostgreSQL", postgres.upgrade(settings)), ("ClickHouse", clickhouse.upgrade(settings))):
        console.print(f"{name} migrated:", ", ".join(steps) or "it was at its newest", highlight=False)
