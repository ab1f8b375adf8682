"""What must be there before the platform's processes start: databases, buckets, topics, migrations. All idempotent."""

from importlib import metadata

import psycopg
from psycopg import sql

from lakehouse.contracts.job_process import POOLS
from lakehouse.contracts.topics import DERIVED, TOPICS
from lakehouse.local import conf_platform
from lakehouse.local.install.tools import run
from lakehouse.local.processes_engines import superuser_conninfo
from lakehouse.local.spec import StackContext, Step
from lakehouse.stores import kafka, objects
from lakehouse.stores.airflow import AirflowClient
from lakehouse.stores.postgres import API_ROLE


def steps(context: StackContext) -> tuple[Step, ...]:
    """Every step, those that others wait for first."""
    return (
        Step(name="databases", after=("postgres",), run=lambda: databases(context)),
        Step(name="buckets", after=("s3",), run=lambda: buckets(context)),
        Step(name="topics", after=("kafka",), run=lambda: topics(context)),
        Step(name="migrate-postgres", after=("databases",), run=lambda: migrate_postgres(context)),
        Step(name="migrate-clickhouse", after=("clickhouse",), run=lambda: migrate_clickhouse(context)),
        Step(name="airflow-db", after=("databases",), run=lambda: airflow_database(context), on_demand=True),
        Step(name="airflow-pools", after=("airflow-api",), run=lambda: airflow_pools(context)),
    )


def databases(context: StackContext) -> None:
    """The roles and databases of the platform, Airflow and MLflow, and TimescaleDB in the platform's."""
    platform = context.settings.postgres
    owners = {
        platform.user: (platform.database, platform.password.get_secret_value()),
        "airflow": ("airflow", context.env.local_secret("AIRFLOW_DB_PASSWORD")),
        "mlflow": ("mlflow", context.env.local_secret("MLFLOW_DB_PASSWORD")),
    }
    with psycopg.connect(superuser_conninfo(context), autocommit=True) as connection:
        for role, (database, password) in owners.items():
            _ensure_role(connection, role, password)
            _ensure_database(connection, database, role)
        _ensure_api_role(connection, platform.user)
    with psycopg.connect(superuser_conninfo(context, platform.database), autocommit=True) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")


def buckets(context: StackContext) -> None:
    """The buckets of the lake and of MLflow's artifacts."""
    client = objects.connect(context.settings.s3)
    for bucket in (context.settings.s3.lake_bucket, context.settings.s3.mlflow_bucket):
        objects.ensure_bucket(client, bucket)


def topics(context: StackContext) -> None:
    """Every topic of the contracts."""
    kafka.ensure_topics(context.settings.kafka, (*TOPICS.values(), *DERIVED))


def migrate_postgres(context: StackContext) -> None:
    """The platform's schema in PostgreSQL, at its newest."""
    from lakehouse.migrations import postgres as migrations  # here, because SQLAlchemy is slow to import

    migrations.upgrade(context.settings)


def migrate_clickhouse(context: StackContext) -> None:
    """The marts in ClickHouse, at their newest."""
    from lakehouse.migrations import clickhouse as migrations

    migrations.upgrade(context.settings)


def airflow_database(context: StackContext) -> None:
    """Airflow's own schema. It takes many seconds even with nothing to do, so it runs once a version and database."""
    marker = context.home.data("airflow") / "migrated"
    state = f"{metadata.version('apache-airflow')} {context.env.stack_id}\n"
    if marker.exists() and marker.read_text(encoding="utf-8") == state:
        return
    command = (str(context.python), "-m", "airflow", "db", "migrate")
    run(command, log=context.home.log("airflow-db"), env=conf_platform.airflow_environment(context))
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.write_text(state, encoding="utf-8")


def airflow_pools(context: StackContext) -> None:
    """The pools that the jobs of the contracts share."""
    with AirflowClient(context.settings.airflow) as client:
        client.ensure_pools(POOLS)


def _ensure_role(connection: psycopg.Connection, role: str, password: str) -> None:
    known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
    verb = sql.SQL("ALTER" if known else "CREATE")
    connection.execute(
        sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(verb, sql.Identifier(role), sql.Literal(password))
    )


def _ensure_api_role(connection: psycopg.Connection, owner: str) -> None:
    """The role that the API works as: it owns nothing, and the migrations grant it what it may do."""
    if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (API_ROLE,)).fetchone() is None:
        connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(API_ROLE)))
    connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(API_ROLE), sql.Identifier(owner)))


def _ensure_database(connection: psycopg.Connection, database: str, owner: str) -> None:
    if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,)).fetchone() is None:
        names = sql.Identifier(database), sql.Identifier(owner)
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(*names))
