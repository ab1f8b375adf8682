"""ClickHouse pulls every gold partition that is newer than its copy and swaps it in."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from lakehouse.contracts.model import Store, Table
from lakehouse.contracts.tables import tables_in
from lakehouse.contracts.tables.ops import MART_LOAD
from lakehouse.contracts.tables.quality import QUALITY_FINDING_MART
from lakehouse.settings import ClickHouseSettings
from lakehouse.stores import clickhouse
from spark_jobs.kit import life
from spark_jobs.kit.errors import UnavailableError
from spark_jobs.kit.manifest import Manifest, OutputRecord, PartitionRecord, State
from spark_jobs.kit.run import Steps
from spark_jobs.kit.runs import PartitionStatus, RunLog
from spark_jobs.publish_marts.findings import copy_findings
from spark_jobs.publish_marts.loads import Loaded, Mart

MARTS = tuple(table for table in tables_in(Store.CLICKHOUSE) if Store.DELTA in table.stores)


class ClickHouseUnavailableError(UnavailableError):
    """ClickHouse does not answer. Carries its address."""

    def __init__(self, url: str, reason: str) -> None:
        self.url = url
        super().__init__(f"no ClickHouse at {url}: {reason[:300]}; `tidemark status` shows whether it runs")


@dataclass(frozen=True, slots=True)
class Known:
    """What mart_load_v1 says of a partition: the newest version pulled, and the rows of that load."""

    version: int
    rows: int


def publish_marts(session: life.Session, steps: Steps) -> Manifest:
    """Load what is due in every mart; the counts are the rows in each mart then.

    Running it twice changes nothing; a partition whose copy lost or gained rows is loaded again. The business date
    only names the run: late partitions of other days are due as well.
    """
    counts: dict[str, int] = {}
    loads = 0
    with _connected(session.settings.clickhouse) as client:
        for table in MARTS:
            mart = Mart(client, session.settings, table)
            with steps.timed(table.name):
                loaded = _load(mart, session, steps)
                counts[table.name] = sum(mart.rows().values())
            loads += len(loaded)
        with steps.timed(QUALITY_FINDING_MART.name):
            counts[QUALITY_FINDING_MART.name] = copy_findings(client, session.connection)
    return replace(
        session.manifest,
        state=State.PUBLISHED,
        outputs={MART_LOAD.name: OutputRecord(loads, "")},
        counts=counts,
        timings_s=steps.seconds,
    )


def due(status: dict[str, PartitionStatus], known: dict[str, Known], rows: dict[str, int]) -> tuple[str, ...]:
    """The partitions to load: published later than the copy was pulled, never pulled, or with other rows than then."""
    return tuple(sorted(value for value, found in status.items() if _is_due(value, found, known, rows)))


def _is_due(value: str, found: PartitionStatus, known: dict[str, Known], rows: dict[str, int]) -> bool:
    copy = known.get(value)
    return copy is None or found.version > copy.version or copy.rows != rows.get(value, 0)


def _load(mart: Mart, session: life.Session, steps: Steps) -> dict[str, Loaded]:
    status = session.log.status(mart.table)
    values = due(status, _known(mart.client, mart.table), mart.rows())
    if not values:
        return {}
    # Every partition published so far is in the newest published version, whatever partition that one was about.
    version = max(found.version for found in status.values())
    expected = _expected(session.log, mart.table, {value: status[value] for value in values})
    loaded = mart.load(expected, version, session.manifest.run_id.replace("-", ""), steps.on_step)
    steps.on_step(f"record {mart.table.name}")
    _record(mart, loaded, version, session)
    return loaded


def _expected(log: RunLog, table: Table, status: dict[str, PartitionStatus]) -> dict[str, PartitionRecord]:
    manifests = {run_id: log.of_any_job(run_id) for run_id in {found.run_id for found in status.values()}}
    return {value: manifests[found.run_id].outputs[table.name].partitions[value] for value, found in status.items()}


def _known(client: Client, table: Table) -> dict[str, Known]:
    found = client.query(
        "SELECT partition_value, max(delta_version), argMax(row_count, (delta_version, loaded_at)) "
        "FROM {loads:Identifier} WHERE table_name = {table:String} GROUP BY partition_value",
        parameters={"loads": MART_LOAD.short_name, "table": table.name},
    )
    return {value: Known(int(version), int(rows)) for value, version, rows in found.result_rows}


def _record(mart: Mart, loaded: dict[str, Loaded], version: int, session: life.Session) -> None:
    now = session.clock.now()
    rows = [
        (mart.table.name, value, version, found.rows, found.content_hash, session.manifest.run_id, now)
        for value, found in loaded.items()
    ]
    mart.client.insert(MART_LOAD.short_name, rows, column_names=MART_LOAD.column_names)


@contextmanager
def _connected(section: ClickHouseSettings) -> Iterator[Client]:
    try:
        client = clickhouse.connect(section)
    except ClickHouseError as error:
        raise ClickHouseUnavailableError(section.url, str(error)) from error
    try:
        yield client
    finally:
        client.close()
