"""A user's files through the platform: judged row by row, sent as messages, and accounted for to the last row."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from psycopg import OperationalError

from lakehouse.clock import Clock, epoch_us
from lakehouse.errors import TidemarkError
from lakehouse.settings import PostgresSettings
from lakehouse.stores import postgres
from streaming.feed.encode import Reject, encode, envelope, envelope_key, keys
from streaming.feed.files import Source, open_file
from streaming.feed.layout import Kind, Layout, lay_out
from streaming.feed.producer import Sender
from streaming.feed.rows import Judge, Judged, Rules

SHOWN_REJECTS = 20


class SymbolsError(TidemarkError):
    """The list of known symbols cannot be read, so nothing can be called unknown."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How files are read: kind and field-to-column mapping of `lay_out`, a CSV's delimiter, the rules of `Judge`."""

    kind: Kind | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)
    delimiter: str | None = None
    rules: Rules = field(default_factory=Rules)


@dataclass(frozen=True, slots=True)
class Opened:
    """A file whose columns make a message."""

    source: Source
    layout: Layout


@dataclass(slots=True)
class FileReport:
    """What was found in one file. `rows_in` = `good` + `bad`, always."""

    name: str
    kind: Kind
    topic: str
    ignored: tuple[str, ...]
    good: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    first_bad: list[Reject] = field(default_factory=list)

    @property
    def bad(self) -> int:
        return self.reasons.total()

    @property
    def rows_in(self) -> int:
        return self.good + self.bad

    def note(self, judged: Judged, *, shown: int) -> None:
        """Add a batch, keeping the first `shown` rejects."""
        self.good += judged.rows.num_rows
        self.reasons.update(reject.reason.value for reject in judged.rejects)
        self.first_bad.extend(judged.rejects[: shown - len(self.first_bad)])


OnRows = Callable[[FileReport], None]


def open_all(paths: Sequence[Path], reading: Reading) -> list[Opened]:
    """Open every file and lay out its columns before the first row is sent. Raises FileError or LayoutError."""
    sources = [open_file(path, delimiter=reading.delimiter) for path in paths]
    return [
        Opened(source, lay_out(source.name, source.columns, kind=reading.kind, mapping=reading.mapping))
        for source in sources
    ]


def examine(opened: Opened, rules: Rules, *, clock: Clock, shown: int = SHOWN_REJECTS) -> FileReport:
    """Judge every row of a file and send nothing."""
    report = _report(opened)
    for judged in _judged(opened, rules, clock):
        report.note(judged, shown=shown)
    return report


def send(
    opened: Opened,
    rules: Rules,
    sender: Sender,
    *,
    clock: Clock,
    shown: int = SHOWN_REJECTS,
    on_rows: OnRows | None = None,
) -> FileReport:
    """Queue one message for every row of a file: good ones as they are, bad ones in an envelope with the reason.

    Raises DeliveryError, or FileError where the file ends in the middle (what came before is sent by then).
    """
    report = _report(opened)
    topic = opened.layout.topic
    for judged in _judged(opened, rules, clock):
        sender.send(topic.name, keys(topic, judged.rows), encode(topic, judged.rows))
        rejects = judged.rejects
        sender.send(topic.name, [envelope_key(reject) for reject in rejects], [envelope(reject) for reject in rejects])
        report.note(judged, shown=shown)
        if on_rows is not None:
            on_rows(report)
    return report


def known_symbols(section: PostgresSettings) -> frozenset[str]:
    """Every symbol of `app.instrument`. Raises SymbolsError where PostgreSQL cannot be reached or has none."""
    try:
        with postgres.connect(section) as connection:
            found = frozenset(row[0] for row in connection.execute("SELECT symbol FROM app.instrument"))
    except OperationalError as error:
        raise SymbolsError(f"--strict needs app.instrument of {section.dsn}, which does not answer: {error}") from error
    if not found:
        raise SymbolsError("--strict: app.instrument is empty, so every row would be refused. Add instruments first")
    return found


def _report(opened: Opened) -> FileReport:
    layout = opened.layout
    return FileReport(opened.source.name, layout.kind, layout.topic.name, layout.ignored)


def _judged(opened: Opened, rules: Rules, clock: Clock) -> Iterator[Judged]:
    judge = Judge(opened.source, opened.layout, rules)
    for batch in opened.source.batches():
        yield judge.judge(batch, now_us=epoch_us(clock.now()))
