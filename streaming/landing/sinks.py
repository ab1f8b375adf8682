"""The lander's Delta side: a flush becomes one commit that holds its rows and its offsets, or nothing."""

import json
import uuid
from collections.abc import Callable, Mapping
from io import BytesIO

import pyarrow as pa
import structlog
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction, RemoveAction

from lakehouse.clock import Clock, epoch_us
from lakehouse.contracts.model import Topic
from lakehouse.contracts.render import arrow
from lakehouse.contracts.tables.bronze import QUARANTINE
from lakehouse.settings import S3Settings
from lakehouse.stores import delta, objects
from streaming.kit.offsets import FencedError, Span, app_id
from streaming.landing import outage
from streaming.landing.batch import Flush
from streaming.landing.state import ReplayError

COMMIT_ATTEMPTS = 20
BACKOFF_S = 0.05

log = structlog.get_logger(__name__)


class DeltaSink:
    """Commits flushes of one topic to bronze and quarantine. Owned by one thread. Where the store is out of reach,
    opening, settled() and commit() raise StoreError.

    delta-rs neither skips a transaction version that it has already seen nor refuses a lower one, so every commit
    first compares the versions in the very snapshot that it is then made on; a commit that arrives in between
    fails it (CommitFailedError), and the comparison is made again.
    """

    def __init__(self, section: S3Settings, topic: Topic, *, clock: Clock) -> None:
        self._topic = topic
        self._clock = clock
        self._endpoint_url = section.endpoint_url
        self._store = objects.connect(section)
        self._bucket = section.lake_bucket
        self._prefix = delta.path(section, topic.bronze).removeprefix(f"{self._bucket}/")
        with outage.told(self._endpoint_url, f"cannot open the tables of {topic.name}"):
            objects.ensure_bucket(self._store, self._bucket)
            self._bronze = delta.ensure_table(section, topic.bronze)
            self._quarantine = delta.ensure_table(section, QUARANTINE)
        self._partition_by = topic.bronze.partition_by or "_ingest_date"
        self._schema = arrow.schema(topic.bronze)
        self._landed: dict[int, int | None] = {}
        self._quarantined: dict[int, int | None] = {}

    def open(self, partitions: tuple[int, ...]) -> dict[int, int | None]:
        """Take the partitions over: their last landed offsets, None where nothing of one has landed."""
        self._landed = {number: self._version(self._bronze, number) for number in partitions}
        self._quarantined = {number: self._version(self._quarantine, number) for number in partitions}
        return dict(self._landed)

    def settled(self) -> dict[int, frozenset[int]]:
        """Offsets that are in quarantine but beyond bronze's own version: a crash came between the two commits."""
        with outage.told(self._endpoint_url, f"cannot read what {self._topic.name} has in quarantine"):
            return {
                number: self._quarantined_after(number, self._landed[number])
                for number, last in self._quarantined.items()
                if last is not None and last > _or_none_yet(self._landed[number])
            }

    def commit(self, flush: Flush) -> None:
        """Quarantine first, then bronze: a crash in between repeats only what settled() tells of.

        Raises FencedError where another lander has moved one of the partitions, and ReplayError for offsets that
        are landed already; nothing is doubled then.
        """
        for number, span in flush.spans.items():
            last = self._landed[number]
            if last is not None and span.first <= last:
                raise ReplayError(f"{flush.topic}[{number}]: offsets up to {last} are landed, {span.first} is not new")
        with outage.told(self._endpoint_url, f"cannot commit {len(flush.kafka_ts_us)} messages of {flush.topic}"):
            if flush.quarantine.num_rows:
                self._commit(self._quarantine, self._quarantined, flush, lambda found: self._append_bad(flush, found))
            actions: list[AddAction | RemoveAction] = (
                [self._upload(flush, flush.bronze)] if flush.bronze is not None else []
            )
            self._commit(self._bronze, self._landed, flush, lambda found: self._append(actions, found))

    def _commit(
        self,
        table: DeltaTable,
        versions: dict[int, int | None],
        flush: Flush,
        append: Callable[[CommitProperties], None],
    ) -> None:
        # A flush that repeats quarantined offsets may end before them: the version must not go back.
        after = {number: max(span.last, versions[number] or 0) for number, span in flush.spans.items()}
        properties = _properties(flush, after)
        for attempt in range(COMMIT_ATTEMPTS):
            self._verify(table, {number: versions[number] for number in flush.spans})
            try:
                append(properties)
                break
            except CommitFailedError as error:
                log.info("commit_conflict", topic=flush.topic, attempt=attempt, error=str(error))
                self._clock.sleep(BACKOFF_S * attempt)
                table.update_incremental()
        else:
            raise FencedError(f"{flush.topic}: {COMMIT_ATTEMPTS} commits in a row met another: too many writers")
        table.update_incremental()
        versions.update(after)
        self._verify(table, after)

    def _verify(self, table: DeltaTable, expected: Mapping[int, int | None]) -> None:
        for number, version in expected.items():
            found = self._version(table, number)
            if found != version:
                raise FencedError(
                    f"{self._topic.name}[{number}] moved from offset {version} to {found} in {table.table_uri} while "
                    "this lander held it: another lander owns the partition. Stop one of them"
                )

    def _version(self, table: DeltaTable, partition: int) -> int | None:
        found: int | None = table.transaction_version(app_id(self._topic.name, partition))
        return found

    def _append_bad(self, flush: Flush, properties: CommitProperties) -> None:
        write_deltalake(self._quarantine, flush.quarantine, mode="append", commit_properties=properties)

    def _append(self, actions: list[AddAction | RemoveAction], properties: CommitProperties) -> None:
        self._bronze.create_write_transaction(
            actions,
            "append",
            self._schema,
            [self._partition_by],
            commit_properties=properties,
            # Old log files are maintenance's to remove: listing the log here would hold a commit up.
            post_commithook_properties=PostCommitHookProperties(create_checkpoint=True, cleanup_expired_logs=False),
        )

    def _upload(self, flush: Flush, content: pa.Buffer) -> AddAction:
        day = flush.ingest_date.isoformat()
        path = f"{self._partition_by}={day}/part-{uuid.uuid4()}.parquet"
        self._store.put_object(
            bucket_name=self._bucket,
            object_name=f"{self._prefix}/{path}",
            data=BytesIO(content),
            length=content.size,
            content_type="application/vnd.apache.parquet",
        )
        modified_ms = epoch_us(self._clock.now()) // 1000
        return AddAction(path, content.size, {self._partition_by: day}, modified_ms, True, flush.stats)

    def _quarantined_after(self, partition: int, landed: int | None) -> frozenset[int]:
        # Imported here: it brings pandas along, half of a start's time, and only a crash's heir comes here.
        import pyarrow.dataset as ds

        mine = (ds.field("_topic") == self._topic.name) & (ds.field("_partition") == partition)
        later = mine & (ds.field("_offset") > _or_none_yet(landed))
        rows = self._quarantine.to_pyarrow_dataset().to_table(columns=["_offset"], filter=later)
        return frozenset(rows["_offset"].to_pylist())


def _or_none_yet(landed: int | None) -> int:
    """The last landed offset, or the one before the first."""
    return -1 if landed is None else landed


def _properties(flush: Flush, versions: Mapping[int, int]) -> CommitProperties:
    spans: dict[int, Span] = flush.spans
    return CommitProperties(
        custom_metadata={
            "tidemark.topic": flush.topic,
            "tidemark.offsets": json.dumps({number: [span.first, span.last] for number, span in spans.items()}),
            "tidemark.rows": str(flush.rows),
            "tidemark.quarantined": str(flush.quarantine.num_rows),
        },
        app_transactions=[
            Transaction(app_id(flush.topic, number), version) for number, version in sorted(versions.items())
        ],
    )
