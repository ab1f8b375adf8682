"""The frozen data of a run, named by its hash."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

import numpy as np

from lakehouse.domain.currency import from_minor
from lakehouse.risk import RiskError, align
from lakehouse.risk.analysis import MEASURES, Holdings, Measure
from serving.analysis.repository import CloseRow, PortfolioRow, ValueRow
from serving.kit.problems import ApiError


class NotAnalyzable(ApiError):
    """The portfolio lacks what an analysis is computed from."""

    status = 409
    code = "not_analyzable"
    title = "The portfolio cannot be analysed"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Holdings of a portfolio with their history; all measures of a run read this and nothing else."""

    id: str
    portfolio_id: UUID
    currency: str
    total_value: Decimal
    as_of: str
    holdings: Holdings

    def measure(self, measure: Measure, ticker: str) -> tuple[float | None, str | None]:
        """The measure, or None and why it does not exist."""
        try:
            return MEASURES[measure](self.holdings, ticker), None
        except RiskError as error:
            return None, str(error)


def total_value(rows: Sequence[ValueRow], currency: str) -> Decimal:
    """Net value of the positions in base currency `currency`, exact. Raises NotAnalyzable for one without price or
    rate."""
    return from_minor(sum(_minor(row) for row in rows), currency)


def take(portfolio: PortfolioRow, rows: Sequence[ValueRow], closes: Sequence[CloseRow]) -> Snapshot:
    """A snapshot of these rows. Raises NotAnalyzable where nothing is held, or a price, rate or history is missing."""
    if not rows:
        raise NotAnalyzable("It holds nothing: book a transaction first.")
    missing = sorted({row.symbol for row in rows} - {close.symbol for close in closes})
    if missing:
        raise NotAnalyzable(f"There are no daily closes of {', '.join(missing)}: load bars of these symbols.")
    by_symbol = {row.symbol: from_minor(_minor(row), portfolio.base_currency) for row in rows}
    try:
        aligned = align(
            symbols=[close.symbol for close in closes],
            dates=np.array([close.business_date for close in closes], dtype="datetime64[D]"),
            prices=[float(close.close) for close in closes],
        )
    except RiskError as error:
        raise NotAnalyzable(f"Its prices do not fit together: {error}.") from error
    values = np.array([float(by_symbol[symbol]) for symbol in aligned.symbols])
    values.setflags(write=False)
    aligned.prices.setflags(write=False)
    digest = hashlib.sha256(values.tobytes() + aligned.prices.tobytes() + ",".join(aligned.symbols).encode())
    return Snapshot(
        id=digest.hexdigest()[:32],
        portfolio_id=portfolio.id,
        currency=portfolio.base_currency,
        total_value=total_value(rows, portfolio.base_currency),
        as_of=str(aligned.dates[-1]),
        holdings=Holdings(aligned.symbols, values, aligned.prices),
    )


def _minor(row: ValueRow) -> int:
    if row.own_minor is None:
        raise NotAnalyzable(f"{row.symbol} has no price: a position without one is not worth zero.")
    if row.base_minor is None:
        raise NotAnalyzable(f"There is no exchange rate for {row.currency}, in which {row.symbol} is quoted.")
    return row.base_minor
