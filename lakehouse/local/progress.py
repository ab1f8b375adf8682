"""What the user sees while the stack starts: a live table on a terminal, one line an event elsewhere."""

import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from lakehouse.clock import Clock

REFRESH_PER_S = 4


@dataclass(slots=True)
class _Row:
    started: float | None = None
    ended: float | None = None
    ok: bool = True


class Progress:
    """A stack.Reporter. Use it as a context; `plan`, `begin`, `end` and `note` may come from any thread."""

    def __init__(self, console: Console, clock: Clock) -> None:
        self.console = console
        self.clock = clock
        self.rows: dict[str, _Row] = {}
        self.lock = threading.Lock()
        self.live: Live | None = None
        if console.is_terminal:
            self.live = Live(console=console, get_renderable=self._table, refresh_per_second=REFRESH_PER_S)

    def __enter__(self) -> Self:
        if self.live is not None:
            self.live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.live is not None:
            self.live.stop()

    def plan(self, names: tuple[str, ...]) -> None:
        with self.lock:
            for name in names:
                self.rows.setdefault(name, _Row())

    def begin(self, name: str) -> None:
        with self.lock:
            self.rows[name] = _Row(started=self.clock.monotonic())
        if self.live is None and name.startswith("fetch "):
            self.console.print(f"{name} ...", highlight=False)

    def end(self, name: str, *, ok: bool) -> None:
        with self.lock:
            row = self.rows[name]
            row.ended, row.ok = self.clock.monotonic(), ok
        if self.live is None:
            self.console.print(f"{'ready ' if ok else 'FAILED'} {name} {self._seconds(row)}", highlight=False)

    def note(self, text: str) -> None:
        self.console.print(Text(text, style="yellow"), soft_wrap=True)

    def _seconds(self, row: _Row) -> str:
        if row.started is None:
            return ""
        return f"{(row.ended or self.clock.monotonic()) - row.started:.1f} s"

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        with self.lock:
            for name, row in self.rows.items():
                table.add_row(self._mark(row), name, self._seconds(row))
        return table

    def _mark(self, row: _Row) -> Text | Spinner:
        if row.ended is not None:
            return Text("ready", style="green") if row.ok else Text("FAILED", style="red")
        return Text("waits", style="dim") if row.started is None else Spinner("dots")
