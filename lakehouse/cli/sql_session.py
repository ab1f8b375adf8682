"""What `tidemark sql` does with a statement, a file, a pipe or a prompt."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lakehouse.errors import TidemarkError
from lakehouse.settings import load
from lakehouse.stores.analyst import Analyst, Form, QuestionFailed

LIST = (
    "SELECT name AS view, comment AS meaning FROM system.tables "
    "WHERE database = currentDatabase() AND engine = 'View' ORDER BY view"
)
DESCRIBE = (
    "SELECT column_name AS column, type, unit, currency, meaning, grain, source, refresh "
    "FROM catalogue WHERE view_name = {view:String} ORDER BY position"
)
HISTORY = 1000
SHARED = ("grain", "source", "refresh")
HELP = r"End a statement with ; and a line.  \l lists the views, \d VIEW describes one, \q ends."


class BadQuestion(TidemarkError):
    """Arguments that do not go together, or a file that cannot be read."""

    exit_code = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the user asked for, as the command line has it."""

    statement: str = ""
    file: Path | None = None
    listed: bool = False
    describe: str = ""
    form: str = Form.TABLE
    parameters: list[str] = field(default_factory=list)

    def chosen_form(self) -> Form:
        """Raises BadQuestion."""
        try:
            return Form(self.form)
        except ValueError:
            raise BadQuestion(f"--format {self.form}: it is {', '.join(Form)}") from None

    def values(self) -> dict[str, str]:
        """Parameters by name. Raises BadQuestion."""
        pairs = [text.partition("=") for text in self.parameters]
        wrong = next((name for name, equals, _ in pairs if not (name and equals)), None)
        if wrong is not None:
            raise BadQuestion(f"--param {wrong}: write it as NAME=VALUE")
        return {name: value for name, _, value in pairs}

    def text(self) -> str:
        """The statement, empty where there is none. Raises BadQuestion."""
        if sum((bool(self.statement), self.file is not None, self.listed, bool(self.describe))) > 1:
            raise BadQuestion("give one of a statement, --file, --list and --describe")
        if self.file is None:
            return self.statement
        try:
            return self.file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadQuestion(f"{self.file} cannot be read: {error}") from error


def answer(asked: Asked) -> None:
    """Print the answer. Raises BadQuestion, QuestionFailed."""
    form, values, text = asked.chosen_form(), asked.values(), asked.text()
    with Analyst(load().clickhouse) as analyst:
        if asked.listed:
            show_views(analyst, form)
        elif asked.describe:
            show_columns(analyst, asked.describe, form)
        elif text:
            _print(analyst.ask(text, form=form, parameters=values), form)
        elif sys.stdin.isatty():
            converse(analyst, form, input)
        else:
            _print(analyst.ask(sys.stdin.read(), form=form, parameters=values), form)


def show_views(analyst: Analyst, form: Form) -> None:
    """Print every view with its comment. Raises QuestionFailed."""
    if form is not Form.TABLE:
        _print(analyst.ask(LIST, form=form), form)
        return
    _print_table(analyst.rows(LIST), ("view", "meaning"))


def show_columns(analyst: Analyst, view: str, form: Form) -> None:
    """Print the columns of a view; as a table, what they have in common stands above it. Raises QuestionFailed."""
    parameters = {"view": view}
    rows = analyst.rows(DESCRIBE, parameters=parameters)
    if not rows:
        raise QuestionFailed(
            f"there is no view {view}: `tidemark sql --list` shows all; "
            f'`tidemark sql "DESCRIBE TABLE {view}"` shows the columns of a table'
        )
    if form is not Form.TABLE:
        _print(analyst.ask(DESCRIBE, form=form, parameters=parameters), form)
        return
    console = _console()
    for name in SHARED:
        console.print(Text(f"{name}: {rows[0][name]}"))
    _print_table(rows, ("column", "type", "unit", "currency", "meaning"))


def converse(analyst: Analyst, form: Form, read: Callable[[str], str]) -> None:
    """Ask what `read` brings until its end: it is given a prompt and returns a line, as `input` does."""
    import readline

    readline.set_history_length(HISTORY)  # importing it is what gives `input` editing and a history
    console = _console()
    console.print(Text(HELP))
    lines: list[str] = []
    while True:
        try:
            lines.append(read("   ...> " if lines else "tidemark> "))
        except EOFError:
            return
        except KeyboardInterrupt:
            lines.clear()
            continue
        said = "\n".join(lines).strip()
        if said in ("\\q", "exit", "quit"):
            return
        if said.startswith("\\") or said.endswith(";") or not said:
            lines.clear()
            _respond(analyst, said, form, console)


def _respond(analyst: Analyst, said: str, form: Form, console: Console) -> None:
    """One turn of the conversation: an error is told, and the next question may come."""
    command, _, rest = said.partition(" ")
    try:
        if command == "\\l":
            show_views(analyst, form)
        elif command == "\\d" and rest:
            show_columns(analyst, rest.strip(), form)
        elif command.startswith("\\"):
            console.print(Text(HELP))
        elif said.strip(";"):
            _print(analyst.ask(said, form=form), form)
    except QuestionFailed as error:
        console.print(Text(f"error: {error}", style="red"))


def _print(text: bytes, form: Form) -> None:
    """As bytes, since they may be many; a table of nothing is empty, and ends without a line's end."""
    sys.stdout.flush()
    if form is Form.TABLE:
        text = (text.rstrip(b"\n") or b"no rows") + b"\n"
    sys.stdout.buffer.write(text)
    sys.stdout.buffer.flush()


def _print_table(rows: list[dict[str, object]], names: tuple[str, ...]) -> None:
    shown = Table()
    for name in names:
        shown.add_column(name, no_wrap=name != "meaning", overflow="fold")
    for row in rows:
        shown.add_row(*(Text(str(row[name])) for name in names))
    _console().print(shown)


def _console() -> Console:
    return Console(highlight=False)
