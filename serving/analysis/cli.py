"""`tidemark analyze`: a client of the analysis socket, to watch it and to copy from."""

import json
from typing import Annotated

import typer
from rich.console import Console
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from lakehouse.cli.login import DEMO_EMAIL, token_of
from lakehouse.errors import TidemarkError
from lakehouse.settings import load

RESULTS_BEFORE_SWITCH = 2
TIMEOUT_S = 30.0


class SocketRefusedError(TidemarkError):
    """The API closed the socket, or does not answer."""


def analyze(
    ticker: Annotated[str, typer.Argument(help="A symbol that the portfolio holds.")],
    then: Annotated[str, typer.Option(help="Switch to this symbol after two results.")] = "",
    portfolio: Annotated[str, typer.Option(help="Id of the portfolio; needed by who has several.")] = "",
    session: Annotated[str, typer.Option(help="Name of the session, which is remembered for a day.")] = "demo",
    email: Annotated[str, typer.Option(help="User; the demo's password is known, others are asked for.")] = DEMO_EMAIL,
) -> None:
    """Analyse a holding over the socket /ws/SESSION and print what arrives; with --then, switch on the way."""
    settings = load()
    token = token_of(settings, email)
    url = f"ws://{settings.serving.host}:{settings.serving.port}/ws/{session}"
    console = Console(highlight=False)
    console.print(f"connecting to {url}")
    try:
        with connect(url, additional_headers={"Authorization": f"Bearer {token}"}, open_timeout=TIMEOUT_S) as socket:
            _converse(socket, console, [symbol for symbol in (ticker, then) if symbol], portfolio)
    except (ConnectionClosed, InvalidStatus, OSError) as error:
        raise SocketRefusedError(f"{url}: {error}") from error


def _converse(socket: ClientConnection, console: Console, tickers: list[str], portfolio: str) -> None:
    """Ask for the first ticker, for the next after two of its results, and listen until the last is complete."""
    waiting = list(tickers)
    current = _ask(socket, console, waiting.pop(0), portfolio)
    seen = 0
    while True:
        frame = json.loads(socket.recv(TIMEOUT_S))
        _show(console, frame)
        seen += frame["type"] == "analysis_result" and frame["ticker"] == current
        if waiting and seen >= RESULTS_BEFORE_SWITCH:
            current, seen = _ask(socket, console, waiting.pop(0), portfolio), 0
        elif frame["type"] == "error" or (frame["type"], frame.get("ticker")) == ("analysis_complete", current):
            return


def _ask(socket: ClientConnection, console: Console, ticker: str, portfolio: str) -> str:
    console.print(f">>> analyze {ticker}")
    command = {"action": "analyze", "ticker": ticker}
    socket.send(json.dumps({**command, "portfolio_id": portfolio} if portfolio else command))
    return ticker


def _show(console: Console, frame: dict[str, object]) -> None:
    match frame["type"]:
        case "analysis_result":
            value = frame["value"]
            text = f"{value:+.4f}" if isinstance(value, float) else f"none: {frame['reason']}"
            console.print(f" <- {frame['ticker']:<6} {frame['metric']:>17} = {text}")
        case "error":
            console.print(f" <- refused ({frame['code']}): {frame['detail']}", markup=False)
        case "session":
            console.print(f" <- session {frame['session_id']}, last about {frame['current_analysis'] or 'nothing'}")
        case kind:
            console.print(f" <- {kind} {frame.get('ticker', '')}")
