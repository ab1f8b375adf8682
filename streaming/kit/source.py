"""A processor's Kafka side: partitions assigned by hand at its store's own offsets, messages read in chunks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from operator import itemgetter
from queue import SimpleQueue
from typing import Protocol

import numpy as np
import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from lakehouse.clock import Clock, epoch_us
from lakehouse.errors import TidemarkError
from streaming.kit.offsets import OffsetGapError, PartitionState, Span, Watermarks, resume, verify_contiguous

CHUNK_MESSAGES = 8_000
# Messages are taken a few at a time and dropped at once: librdkafka then reuses memory that is still in the cache,
# which takes a third off the cost of a message.
TAKE_MESSAGES = 500
TIMEOUT_S = 30.0
LOOK_ROUND_S = 10.0
LOOK_TIMEOUT_S = 1.0

# librdkafka goes on trying by itself, and what is unread stays on the broker: an outage is waited for.
_DAY_US = 86_400_000_000
_OUTAGE = frozenset({KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError._TIMED_OUT, KafkaError._RESOLVE})

# Who leads a partition is being settled: of a new topic, or after a broker left.
_UNSETTLED = frozenset({KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE})
_UNSETTLED_S = 0.1

log = structlog.get_logger(__name__)


class SourceError(TidemarkError):
    """The topic cannot be read."""


class BrokerAwayError(SourceError):
    """No broker answers: at the start that is the end, later it is waited for."""


class SourceMetrics(Protocol):
    """What a source tells of its topic: offsets without a message, whether it is paused, messages not committed."""

    def skipped(self, topic: str, count: int) -> None: ...

    def paused(self, topic: str, is_paused: bool) -> None: ...

    def lag(self, topic: str, partition: int, messages: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Chunk:
    """Messages of one topic as they were read: arrays of one length, in the order of their offsets.

    `read_us` is when they were read. `spans` are the offsets that the chunk settles, by partition: also
    those without a message.
    """

    values: Sequence[bytes | None]
    partition: np.ndarray
    offset: np.ndarray
    kafka_ts_us: np.ndarray
    keys: Sequence[bytes | None]
    read_us: int
    spans: Mapping[int, Span]

    @property
    def ingest_day(self) -> int:
        """Days since 1970-01-01 UTC."""
        return self.read_us // _DAY_US


@dataclass(frozen=True, slots=True)
class _Piece:
    """What is kept of a few messages once they are dropped."""

    values: list[bytes | None]
    keys: list[bytes | None]
    partition: np.ndarray
    offset: np.ndarray
    kafka_ts_ms: np.ndarray


class Source:
    """Reads one topic. Owned by one thread, save for committed()."""

    def __init__(self, consumer: Consumer, topic: str, *, clock: Clock, metrics: SourceMetrics) -> None:
        self._consumer = consumer
        self._topic = topic
        self._clock = clock
        self._metrics = metrics
        self._states: dict[int, PartitionState] = {}
        self._ended: dict[int, int] = {}
        self._landed: dict[int, int] = {}
        self._looked_s = 0.0
        self._whole_topic = False
        self._committed: SimpleQueue[Mapping[int, Span]] = SimpleQueue()

    def partitions(self, timeout_s: float = TIMEOUT_S) -> tuple[int, ...]:
        """The topic's partitions. Raises SourceError where it does not exist, BrokerAwayError."""
        try:
            found = self._consumer.list_topics(self._topic, timeout=timeout_s).topics[self._topic]
        except KafkaException as error:
            raise self._told(error) from error
        if found.error is not None or not found.partitions:
            raise SourceError(f"topic {self._topic} does not exist or has no leader ({found.error}): run `tidemark up`")
        return tuple(sorted(found.partitions))

    def watermarks(self, partition: int) -> Watermarks:
        """What the broker holds of the partition now, after its election. Raises SourceError, BrokerAwayError."""
        place, until = TopicPartition(self._topic, partition), self._clock.monotonic() + TIMEOUT_S
        while True:
            try:
                return Watermarks(*self._consumer.get_watermark_offsets(place, timeout=TIMEOUT_S))
            except KafkaException as error:
                if error.args[0].code() not in _UNSETTLED or self._clock.monotonic() >= until:
                    raise self._told(error) from error
            self._clock.sleep(_UNSETTLED_S)

    def assign(
        self,
        landed: Mapping[int, int | None],
        settled: Mapping[int, frozenset[int]],
        *,
        accept_gap: bool,
        whole_topic: bool,
    ) -> dict[int, int]:
        """Start each partition after its last landed offset and return where. Raises OffsetGapError.

        `whole_topic`: nobody else reads the topic, so that a partition added later is an error and no surprise.
        """
        self._whole_topic = whole_topic
        self._consumer.unassign()  # a fetch that waits at the broker holds up the questions that follow it
        for partition, last in landed.items():
            name = f"{self._topic}[{partition}]"
            start = resume(name=name, landed=last, marks=self.watermarks(partition), accept_gap=accept_gap)
            skipped = start - (0 if last is None else last + 1)
            if skipped:
                log.warning("gap_accepted", partition=name, first=start - skipped, last=start - 1)
                self._metrics.skipped(self._topic, skipped)
            self._states[partition] = PartitionState(start, settled.get(partition, frozenset()))
        self._landed = {partition: state.expected for partition, state in self._states.items()}
        self._looked_s = self._clock.monotonic()
        starts = {partition: state.expected for partition, state in self._states.items()}
        self._consumer.assign(self._next())
        self._metrics.paused(self._topic, False)
        return starts

    def expected(self) -> dict[int, int]:
        """The next offset of each partition."""
        return {partition: state.expected for partition, state in self._states.items()}

    def ends(self) -> dict[int, int]:
        """Where each partition ends now."""
        return {number: self.watermarks(number).high for number in self._states}

    def reached(self, goal: Mapping[int, int]) -> bool:
        """Whether every partition is at its offset of `goal`, or at the end where no message fills the rest."""
        return all(
            state.expected >= goal[number] or self._ended.get(number, -1) >= goal[number]
            for number, state in self._states.items()
        )

    def read(self, timeout_s: float, *, enough: int = CHUNK_MESSAGES) -> Chunk | None:
        """Wait for `enough` messages for at most `timeout_s`, and take what else has come by then: up to about
        CHUNK_MESSAGES. Raises OffsetGapError, SourceError."""
        self._tell_group()
        self._look_round()
        deadline = self._clock.monotonic() + timeout_s
        before = self.expected()
        pieces: list[_Piece] = []
        count = taken = wanted = 0
        while count < CHUNK_MESSAGES and taken == wanted:
            wanted = min(TAKE_MESSAGES, enough - count) if count < enough else TAKE_MESSAGES
            left_s = deadline - self._clock.monotonic() if count < enough else 0.0
            messages = self._consumer.consume(wanted, max(left_s, 0.0))
            taken = len(messages)
            if any(map(Message.error, messages)):
                messages = [message for message in messages if not self._is_event(message)]
            if messages:
                count += len(messages)
                pieces.append(self._piece(messages))
        return self._chunk(pieces, before) if pieces else None

    def pause(self) -> None:
        """Stop fetching; what librdkafka has fetched ahead is let go by the next serve(), and memory with it."""
        self._consumer.pause(self._next())
        self._metrics.paused(self._topic, True)

    def serve(self, timeout_s: float) -> None:
        """What read() does while paused, without messages: errors, group offsets, lag, partitions that are new."""
        self._tell_group()
        self._look_round()
        for message in self._consumer.consume(TAKE_MESSAGES, timeout_s):
            self._is_event(message)

    def resume(self) -> None:
        """Read on at the next offset of each partition.

        Assigned anew, as at the start: that leaves nothing to librdkafka's memory of where it was, drops what was
        still on its way, and takes 5 ms where resuming alone takes a second to fetch again. The assignment comes
        last: a resume on its heels can outdate the start of a partition's fetch, which then waits for ever (one in
        some thousand did) or for a second.
        """
        self._ended.clear()
        self._consumer.resume(self._next())
        self._consumer.assign(self._next())
        self._metrics.paused(self._topic, False)

    def committed(self, spans: Mapping[int, Span]) -> None:
        """Note how far the store is; the reading thread tells the group. Any thread may call it."""
        self._committed.put(spans)

    def close(self) -> None:
        """Tell the group the last offsets and leave."""
        self._tell_group()
        self._consumer.close()

    def _tell_group(self) -> None:
        """Store the committed offsets with the broker, for lag displays: nothing here reads them back.

        Only the thread that consumes may do it: beside a consume() of another thread, commit() waits for ever.
        """
        while not self._committed.empty():
            spans = self._committed.get_nowait()
            offsets = [TopicPartition(self._topic, number, span.last + 1) for number, span in spans.items()]
            self._consumer.commit(offsets=offsets, asynchronous=True)
            self._landed.update({number: span.last + 1 for number, span in spans.items()})
            self._measure_lag()

    def _look_round(self) -> None:
        """Now and then: how far behind, and whether the topic has partitions that nobody reads."""
        now = self._clock.monotonic()
        if now - self._looked_s < LOOK_ROUND_S:
            return
        self._looked_s = now
        self._measure_lag()
        if self._whole_topic and (grown := self._unknown_partitions()):
            raise SourceError(f"topic {self._topic} has grown partitions {sorted(grown)}: start again to read them too")

    def _unknown_partitions(self) -> set[int]:
        try:
            return set(self.partitions(LOOK_TIMEOUT_S)) - set(self._states)
        except BrokerAwayError as error:
            log.warning("broker_out_of_reach", topic=self._topic, error=str(error))
            return set()

    def _told(self, error: KafkaException) -> SourceError:
        kind = BrokerAwayError if error.args[0].code() in _OUTAGE else SourceError
        return kind(f"the broker does not answer about topic {self._topic} ({error}): is Kafka up?")

    def _next(self) -> list[TopicPartition]:
        return [TopicPartition(self._topic, number, state.expected) for number, state in self._states.items()]

    def _measure_lag(self) -> None:
        for number, landed in self._landed.items():
            _, high = self._consumer.get_watermark_offsets(TopicPartition(self._topic, number), cached=True)
            self._metrics.lag(self._topic, number, max(0, high - landed))

    def _is_event(self, message: Message) -> bool:
        error = message.error()
        if error is None:
            return False
        if error.code() == KafkaError._PARTITION_EOF:
            self._ended[message.partition() or 0] = message.offset() or 0
            return True
        if error.code() in _OUTAGE:
            log.warning("broker_out_of_reach", topic=self._topic, error=error.str())
            return True
        name = f"{self._topic}[{message.partition()}]"
        if error.code() == KafkaError._AUTO_OFFSET_RESET:
            raise OffsetGapError(
                f"{name}: offset {message.offset()} is not on the broker any more ({error.str()}): retention overtook "
                "the reader or the topic was created anew. Start once with --accept-gap to go on"
            )
        raise SourceError(f"{name}: {error.str()}")

    def _piece(self, messages: list[Message]) -> "_Piece":
        # map() over C methods: a Python-level loop a message would cost more than the JSON parser.
        partition = np.fromiter(map(Message.partition, messages), np.int32, len(messages))
        cuts = [0, *(np.flatnonzero(np.diff(partition)) + 1).tolist(), len(messages)]
        runs = [(a, b, _offsets(messages[a:b])) for a, b in pairwise(cuts)]
        admitted = [self._admit(int(partition[a]), offsets) for a, _, offsets in runs]
        offset = np.concatenate([offsets for _, _, offsets in runs])
        if any(found is not None for found in admitted):
            whole = [np.ones(b - a, np.bool_) for a, b, _ in runs]
            fresh = np.concatenate([all_ if some is None else some for all_, some in zip(whole, admitted, strict=True)])
            messages = [messages[index] for index in np.flatnonzero(fresh).tolist()]
            partition, offset = partition[fresh], offset[fresh]
        stamps = np.fromiter(map(itemgetter(1), map(Message.timestamp, messages)), np.int64, len(messages))
        values, keys = list(map(Message.value, messages)), list(map(Message.key, messages))
        return _Piece(values, keys, partition, offset, stamps)

    def _chunk(self, pieces: Sequence["_Piece"], before: Mapping[int, int]) -> Chunk:
        read_us = epoch_us(self._clock.now())
        stamps = np.concatenate([piece.kafka_ts_ms for piece in pieces])
        return Chunk(
            values=list(chain.from_iterable(piece.values for piece in pieces)),
            keys=list(chain.from_iterable(piece.keys for piece in pieces)),
            partition=np.concatenate([piece.partition for piece in pieces]),
            offset=np.concatenate([piece.offset for piece in pieces]),
            # A message without a timestamp carries -1: when it was read is the nearest that is known.
            kafka_ts_us=np.where(stamps < 0, read_us, stamps * 1000),
            read_us=read_us,
            spans={
                number: Span(before[number], state.expected - 1)
                for number, state in self._states.items()
                if state.expected > before[number]
            },
        )

    def _admit(self, partition: int, offsets: np.ndarray) -> np.ndarray | None:
        state = self._states[partition]
        if state.missing(offsets):
            skipped = verify_contiguous(
                name=f"{self._topic}[{partition}]",
                state=state,
                offsets=offsets,
                low=self.watermarks(partition).low,
            )
            log.warning("offsets_without_message", topic=self._topic, partition=partition, count=skipped)
            self._metrics.skipped(self._topic, skipped)
        return state.admit(offsets)


def _offsets(run: Sequence[Message]) -> np.ndarray:
    """Offsets of messages of one partition. The broker's order is strictly increasing, so a run whose ends are as
    far apart as it is long holds every offset between them."""
    ends = np.fromiter((run[0].offset(), run[-1].offset()), np.int64, 2)
    if ends[1] - ends[0] == len(run) - 1:
        return np.arange(ends[0], ends[1] + 1, dtype=np.int64)
    return np.fromiter(map(Message.offset, run), np.int64, len(run))
