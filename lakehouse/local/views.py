"""How a status looks on a terminal."""

from rich.table import Table

from lakehouse.local.status import ProcessStatus, StackStatus

MIB = 1024**2


def status_table(found: StackStatus) -> Table:
    """One line a process; a stack that is not up is an empty table with a hint."""
    title = None if found.processes else "the stack is not up: run `tidemark up`"
    table = Table(
        "process", "state", "ready", "pid", "up", "restarts", "MiB", "lag", "per s", "address", title=title, box=None
    )
    for process in found.processes:
        table.add_row(*_cells(process))
    return table


def _cells(process: ProcessStatus) -> tuple[str, ...]:
    return (
        process.name,
        process.state,
        "[green]yes[/]" if process.ready else "[red]no[/]",
        str(process.pid or ""),
        duration(process.uptime_s) if process.pid else "",
        str(process.restarts),
        f"{process.pss_bytes / MIB:,.0f}" if process.pid else "",
        "" if process.flow is None or process.flow.lag is None else f"{process.flow.lag:,}",
        "" if process.flow is None else f"{process.flow.per_s:,.0f}",
        process.url,
    )


def duration(seconds: int) -> str:
    """As 45s, 12m or 3h05m."""
    minutes, rest = divmod(seconds, 60)
    if minutes < 1:
        return f"{rest}s"
    hours, minutes_left = divmod(minutes, 60)
    return f"{hours}h{minutes_left:02}m" if hours else f"{minutes}m"
