"""Weights for whoever waits for them: the newest closes, the books as they are now, one proposal a portfolio.

Without Spark, so that an answer takes seconds: the closes are read from the lake at one version, and everything else
is in PostgreSQL. The computation is that of rebalance_daily.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import date
from decimal import Decimal
from typing import Final

import numpy as np
import pyarrow as pa
from deltalake.exceptions import TableNotFoundError

from lakehouse.construction.proposal import Proposal
from lakehouse.contracts.tables.gold import RETURNS_DAILY
from lakehouse.stores import delta
from ml.inference.regime_model import regime_in_use
from spark_jobs.allocate.outcome import Telling
from spark_jobs.allocate.waiting import Books, read
from spark_jobs.deliver_proposals.writing import Rows, Writing
from spark_jobs.kit import life
from spark_jobs.kit.errors import NothingToDo
from spark_jobs.kit.manifest import Manifest, OutputRecord, State
from spark_jobs.kit.reference import contracts
from spark_jobs.kit.run import Steps
from spark_jobs.rebalance.job import CLOSES
from spark_jobs.rebalance.parameters import Windows, parse
from spark_jobs.rebalance.proposals import Closes, by_symbol, market_regime, proposal_of
from spark_jobs.rebalance.rows import proposal_rows, trade_rows

MOST: Final = 100
"""Symbols that may be bought where only an objective says what to do: those with the longest history."""


class NoCloses(NothingToDo):
    """The lake has no closes yet: whoever waits goes on waiting."""


class NobodyWaits(NothingToDo):
    """Nobody has asked for weights, and nobody is due."""


def allocate_portfolios(session: life.Session, steps: Steps) -> Manifest:
    """Propose for every portfolio that waits, is due or overdue at the newest closes up to the business date, and say
    of each whether it is ready or failed, and why. Raises NoCloses and NobodyWaits."""
    windows = Windows()
    with steps.timed("read"):
        closes, version = _closes(session, windows)
        day = _newest(closes)
        usable = {s: each for s, each in closes.items() if each.dates[-1] == np.datetime64(day)}
        since = date(windows.first_year(day), 1, 1)
        books = read(session.settings.postgres, day, universe_of(usable, windows), since=since)
    if not books.waiting:
        raise NobodyWaits(f"nobody waits for weights, and nobody is due at the close of {day}")
    with steps.timed("compute"):
        proposals = _proposals(session, books, closes, day, windows)
    with steps.timed("write"), session.connection.transaction():
        written = _write(session, books, proposals, day)
    return replace(
        session.manifest,
        state=State.PUBLISHED,
        inputs={RETURNS_DAILY.name: version},
        outputs={"app.proposal": OutputRecord(written, "")},
        counts={"app.allocation": len(books.waiting), "app.proposal": written},
        timings_s=steps.seconds,
    )


def universe_of(closes: Mapping[str, Closes], windows: Windows) -> dict[str, tuple[str, ...]]:
    """By currency, the MOST symbols with the longest history; those with too little for the windows are none, nor are
    contracts of several units."""
    known: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
    for symbol, found in closes.items():
        if len(found.dates) > windows.window_days and found.multiplier == 1:
            known[found.currency].append((-len(found.dates), symbol))
    return {currency: tuple(sorted(s for _, s in sorted(found)[:MOST])) for currency, found in known.items()}


def _closes(session: life.Session, windows: Windows) -> tuple[dict[str, Closes], int]:
    """Closes by symbol up to the business date, of the years that the windows need, and the version read."""
    day = session.manifest.business_date
    try:
        table = delta.open_table(session.settings.s3, RETURNS_DAILY)
    except TableNotFoundError as error:
        raise NoCloses(f"{RETURNS_DAILY.name} does not exist yet: there are no closes to compute with") from error
    years = sorted(int(str(part["business_year"])) for part in table.partitions())
    newest = max((year for year in years if year <= day.year), default=None)
    if newest is None:
        raise NoCloses(f"{RETURNS_DAILY.name} has no closes up to {day}")
    rows: pa.Table = table.to_pyarrow_table(
        columns=list(CLOSES),
        filters=[
            ("business_year", ">=", windows.first_year(date(newest, 1, 1))),
            ("business_year", "<=", newest),
            ("business_date", "<=", day),
        ],
    )
    several = {symbol: Decimal(each) for symbol, each in contracts(session.settings.postgres).items()}
    return by_symbol(rows, several), table.version()


def _newest(closes: Mapping[str, Closes]) -> date:
    """The last day that any symbol has. Raises NoCloses."""
    if not closes:
        raise NoCloses(f"{RETURNS_DAILY.name} has no closes up to the business date")
    newest: date = max(found.dates[-1] for found in closes.values()).astype(object)
    return newest


def _proposals(
    session: life.Session, books: Books, closes: Mapping[str, Closes], day: date, windows: Windows
) -> tuple[Proposal, ...]:
    if not books.due:
        return ()
    settings = session.settings
    told = {
        "windows": asdict(windows),
        "regime_model": regime_in_use(settings.mlflow, settings.home / "models"),
        "due": books.due,
    }
    chosen = parse(told)
    reading = market_regime(closes, windows, chosen.regime_model)
    return tuple(
        proposal_of(due, books.units.get(str(due.portfolio_id), {}), closes, reading, day, windows, books.rates)
        for due in chosen.due
    )


def _write(session: life.Session, books: Books, proposals: tuple[Proposal, ...], day: date) -> int:
    """Every outcome; returns how many proposals were computed."""
    run_id = session.manifest.run_id
    names = {found.portfolio_id: "" for found in proposals}  # PostgreSQL has the portfolios' names
    rows = {row["portfolio_id"]: row for row in proposal_rows(proposals, names, run_id).to_pylist()}
    trades: defaultdict[str, Rows] = defaultdict(list)
    for trade in trade_rows(proposals, run_id).to_pylist():
        trades[trade["portfolio_id"]].append(trade)
    telling = Telling(Writing(session.connection, session.clock, day, session.settings.market.calendar))
    for waiting in books.waiting:
        portfolio = str(waiting.portfolio_id)
        if portfolio in rows:
            telling.proposed(waiting, rows[portfolio], trades[portfolio])
        else:
            telling.failed(waiting, waiting.refusal)
    return len(rows)
