"""`tidemark actions`: what companies did to their shares, applied to prices and books, and taken back."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, TypeVar
from uuid import UUID

import typer
from rich.console import Console

from lakehouse.clock import SystemClock
from lakehouse.errors import TidemarkError
from lakehouse.quality.actions import Action, ActionKind
from lakehouse.settings import load

if TYPE_CHECKING:
    from lakehouse.stores.books.actions import Recorded
    from lakehouse.stores.postgres import Transaction

Result = TypeVar("Result")


class BadTerms(TidemarkError):
    """A number or an id that cannot be read."""


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    actions = typer.Typer(help="Splits, spin-offs and dividends.", no_args_is_help=True)
    actions.command("apply")(apply_action)
    actions.command("reverse")(reverse_action)
    actions.command("list")(list_actions)
    app.add_typer(actions, name="actions")


def apply_action(
    symbol: Annotated[str, typer.Argument(help="Instrument whose company acted.")],
    kind: Annotated[ActionKind, typer.Argument(help="What the company did.")],
    ex_date: Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], help="First day of trading without it.")],
    terms: Annotated[
        str,
        typer.Argument(
            help="Split: new units for one old, as 4. Spin-off: units for one, of what, with which share of cost and "
            "value, as 0.5:ABC:0.25. Dividend of one unit, as 0.82:USD."
        ),
    ],
    books_only: Annotated[
        bool, typer.Option("--books-only", help="The provider's closes are adjusted for it: leave returns alone.")
    ] = False,
    source: Annotated[str, typer.Option(help="Where it was learnt.")] = "operator",
) -> None:
    """Record an action and book it to everybody who held the instrument. Applying it again changes nothing, but for
    holders who are not booked yet. Returns are adjusted by the next run of returns_daily."""
    from lakehouse.stores.books.actions import apply

    action = parse(symbol, kind, ex_date.date(), terms)
    done = _inside(
        lambda connection: apply(connection, action, source=source, clock=SystemClock(), adjusts_prices=not books_only)
    )
    _tell(f"{_line(done.recorded)}: booked to {len(done.portfolios)} portfolios")


def reverse_action(
    action_id: Annotated[str, typer.Argument(help="Its id, as `tidemark actions list` shows it.")],
) -> None:
    """Take an action back: its bookings are reversed, and returns are adjusted without it from then on."""
    from lakehouse.stores.books.actions import undo

    try:
        wanted = UUID(action_id)
    except ValueError as error:
        raise BadTerms(f"{action_id} is no id") from error
    done = _inside(lambda connection: undo(connection, wanted, clock=SystemClock()))
    _tell(f"{_line(done.recorded)}: reversed in {len(done.portfolios)} portfolios")


def list_actions(
    symbol: Annotated[str, typer.Option(help="Only of this instrument.")] = "",
    with_reversed: Annotated[bool, typer.Option("--all", help="Those that were reversed too.")] = False,
) -> None:
    """Show the actions by ex-date."""
    from lakehouse.stores.books.actions import listed

    for found in _inside(lambda connection: listed(connection, symbol or None, with_reversed=with_reversed)):
        _tell(_line(found))


def _inside(work: "Callable[[Transaction], Awaitable[Result]]") -> Result:
    """What `work` returns, in one transaction as the operator. Raises OperationalError where nobody answers."""
    from psycopg import AsyncConnection

    from lakehouse.stores import postgres

    async def main() -> Result:
        async with (
            await AsyncConnection.connect(postgres.conninfo_of(load().postgres)) as connection,
            connection.transaction(),
        ):
            return await work(connection)

    return asyncio.run(main())


def parse(symbol: str, kind: ActionKind, ex_date: date, terms: str) -> Action:
    """The action that the command line tells. Raises BadTerms, ActionRefused."""
    match kind, terms.split(":"):
        case ActionKind.SPLIT | ActionKind.REVERSE_SPLIT, [ratio]:
            return Action(symbol=symbol, kind=kind, ex_date=ex_date, ratio=_number(ratio))
        case ActionKind.SPIN_OFF, [ratio, related, share]:
            return Action(
                symbol=symbol,
                kind=kind,
                ex_date=ex_date,
                ratio=_number(ratio),
                related_symbol=related,
                cost_share=_number(share),
            )
        case ActionKind.DIVIDEND, [amount, currency]:
            return Action(symbol=symbol, kind=kind, ex_date=ex_date, amount=_number(amount), currency=currency)
    raise BadTerms(f"{terms} are no terms of a {kind}: `tidemark actions apply --help` shows their forms")


def _number(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise BadTerms(f"{text} is no number") from error


def _line(found: "Recorded") -> str:
    terms = {
        "ratio": found.ratio,
        "related": found.related_symbol,
        "share": found.cost_share,
        "paid": found.amount,
        "in": found.currency,
    }
    told = " ".join(f"{name} {_plain(value)}" for name, value in terms.items() if value is not None)
    only = "" if found.adjusts_prices else ", books only"
    state = f", reversed {found.reversed_at:%Y-%m-%d %H:%M}" if found.reversed_at else ""
    return f"{found.id} {found.ex_date} {found.symbol} {found.kind} {told}{only}{state}"


def _plain(value: Decimal | str) -> str:
    return f"{value.normalize():f}" if isinstance(value, Decimal) else value


def _tell(text: str) -> None:
    Console(soft_wrap=True, highlight=False).print(text, markup=False)
