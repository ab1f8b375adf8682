"""A verdict as people read it: what was recomputed, what came of it, and the first differences by name. Pure."""

from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final

from lakehouse.stores.books.recount import Finding
from streaming.hot.verify import AlertTold, Compared, Told, Verdict

SHOWN: Final = 20
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def lines(verdict: Verdict, origin: str) -> Iterator[str]:
    """Totals, the first differences of each kind, what was left out, and the verdict."""
    yield _played(verdict, origin)
    yield _summary("alerts", verdict.alerts)
    yield _summary("fills", verdict.fills)
    yield _books(verdict)
    for found in (verdict.alerts, verdict.fills):
        yield from islice(_differences(found), SHOWN)
    yield from map(_finding, verdict.books.findings[:SHOWN])
    yield from (f"left out: {each}" for each in verdict.left_out)
    yield _conclusion(verdict)


def _conclusion(verdict: Verdict) -> str:
    if not verdict.is_exact:
        return "NOT EXACT"
    if not verdict.rows:
        return "nothing compared"
    return "exact, but for what was left out" if verdict.left_out else "exact"


def _played(verdict: Verdict, origin: str) -> str:
    if not verdict.rows:
        return "nothing to recompute: the journal goes on from no state that is kept"
    first, last = verdict.rows[0], verdict.rows[-1]
    batches = sum(row.batches for row in verdict.rows)
    return (
        f"recomputed {verdict.ticks:,} ticks of {origin} in {batches:,} batches: rows {first.number} to {last.number} "
        f"of the journal, {first.committed_at:%Y-%m-%d %H:%M:%S} to {last.committed_at:%Y-%m-%d %H:%M:%S} UTC, "
        f"{len({row.epoch for row in verdict.rows})} processes"
    )


def _summary(name: str, found: Compared) -> str:
    counts = {"lost": found.lost, "surplus": found.surplus, "different": found.different}
    return f"{name}: {found.recomputed:,} recomputed, " + ", ".join(f"{len(n):,} {word}" for word, n in counts.items())


def _books(verdict: Verdict) -> str:
    books = verdict.books
    sums = ", ".join(f"{each.currency} {each.minor} of {each.entries:,} entries" for each in books.ledger) or "empty"
    return (
        f"books: {books.transactions:,} transactions of {books.portfolios:,} portfolios folded again, "
        f"{len(books.findings):,} differences; ledger sums to {sums}"
    )


def _differences(found: Compared) -> Iterator[str]:
    yield from (f"lost: {_named(each)}" for each in found.lost)
    yield from (f"surplus: {_named(each)}" for each in found.surplus)
    for wanted, there in found.different:
        differing = [name for name in _names(wanted) if getattr(wanted, name) != getattr(there, name)]
        said = ", ".join(f"{name} {getattr(wanted, name)} is {getattr(there, name)}" for name in differing)
        yield f"different: {_named(wanted)}: {said}"


def _named(told: Told) -> str:
    at = (_EPOCH + timedelta(microseconds=told.at_us)).isoformat()
    if isinstance(told, AlertTold):
        tick = "a beat" if told.partition is None else f"market.ticks[{told.partition}]@{told.offset}"
        return f"{told.kind} {told.rule_id} of {told.subject}, number {told.sequence}, {at}, by {tick}"
    return f"{told.venue_trade_id} of order {told.order_id}, {told.quantity} at {told.price}, {at}"


def _names(told: Told) -> list[str]:
    return [each.name for each in fields(told) if each.compare]


def _finding(finding: Finding) -> str:
    owner = finding.portfolio_id or "the ledger"
    return f"{finding.check}: {finding.object} of {owner} should be {finding.expected}, is {finding.found}"
