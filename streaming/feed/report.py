"""What the commands print: tables for people, plain objects for --json."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from streaming.feed.encode import Reject
from streaming.feed.ingest import FileReport
from streaming.feed.settle import LandedCounts

_RAW_SHOWN = 120


def print_rejects(console: Console, reports: Sequence[FileReport]) -> None:
    """The first bad rows of every file: row, reason, detail and the row's own text."""
    rejects = [reject for report in reports for reject in report.first_bad]
    if not rejects:
        return
    table = Table("row", "reason", "detail", "raw", title="bad rows", title_justify="left")
    for reject in rejects:
        table.add_row(*(_plain(cell) for cell in _cells(reject)))
    console.print(table)
    hidden = sum(report.bad for report in reports) - len(rejects)
    if hidden:
        console.print(f"and {hidden:,} more bad rows (--show N prints more)")


def print_files(console: Console, reports: Sequence[FileReport]) -> None:
    """One line a file, and one for each reason in it."""
    table = Table("file", "kind", "topic", title="rows read", title_justify="left")
    for name in ("rows in", "good", "bad"):
        table.add_column(name, justify="right")
    table.add_column("reasons")
    for report in reports:
        counts = (f"{count:,}" for count in (report.rows_in, report.good, report.bad))
        reasons = "\n".join(f"{reason} {count:,}" for reason, count in sorted(report.reasons.items()))
        table.add_row(_plain(report.name), report.kind.value, report.topic, *counts, reasons)
    console.print(table)
    for report in reports:
        if report.ignored:
            console.print(f"not sent, no field takes them: {', '.join(report.ignored)} ({report.name})", markup=False)


def print_landed(console: Console, counts: LandedCounts) -> None:
    """One line a topic and the sum that must hold."""
    table = Table("topic", title="where the messages went", title_justify="left")
    for name in ("produced", "landed", "quarantined"):
        table.add_column(name, justify="right")
    table.add_column("reasons")
    for name, topic in counts.topics.items():
        reasons = "\n".join(f"{reason} {count:,}" for reason, count in topic.reasons.items())
        table.add_row(name, f"{topic.produced:,}", f"{topic.landed:,}", f"{topic.quarantined:,}", reasons)
    console.print(table)


def print_sum(console: Console, rows_in: int, counts: LandedCounts, *, adds_up: bool) -> None:
    """`rows in = landed + quarantined`, or that it is not so."""
    sign, colour = ("=", "green") if adds_up else ("is not", "red")
    console.print(
        f"[{colour}]rows in {rows_in:,} {sign} landed {counts.landed:,} + quarantined {counts.quarantined:,}[/]"
        f"   ({counts.seconds:.1f} s until the last one had landed)"
    )


def files_object(reports: Sequence[FileReport]) -> list[dict[str, object]]:
    """The same for --json."""
    return [
        {
            "file": report.name,
            "kind": report.kind.value,
            "topic": report.topic,
            "rows_in": report.rows_in,
            "good": report.good,
            "bad": report.bad,
            "reasons": dict(sorted(report.reasons.items())),
            "ignored_columns": list(report.ignored),
            "first_bad": [
                {"source": found.source, "reason": found.reason.value, "detail": found.detail, "raw": found.raw}
                for found in report.first_bad
            ],
        }
        for report in reports
    ]


def landed_object(counts: LandedCounts) -> dict[str, object]:
    """The same for --json; `seconds` is the wait after the last message was acknowledged."""
    return {
        "produced": counts.produced,
        "landed": counts.landed,
        "quarantined": counts.quarantined,
        "seconds": round(counts.seconds, 3),
        "adds_up": counts.adds_up,
        "topics": {
            name: {
                "produced": topic.produced,
                "landed": topic.landed,
                "quarantined": topic.quarantined,
                "reasons": topic.reasons,
            }
            for name, topic in counts.topics.items()
        },
    }


def _cells(reject: Reject) -> tuple[str, str, str, str]:
    raw = reject.raw if len(reject.raw) <= _RAW_SHOWN else reject.raw[:_RAW_SHOWN] + "..."
    return reject.source, reject.reason.value, reject.detail, raw


def _plain(cell: str) -> str:
    # A file's text is shown, not interpreted: rich would read [brackets] as its markup.
    return cell.replace("[", r"\[")
