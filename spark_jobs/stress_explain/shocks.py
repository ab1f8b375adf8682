"""What shocks that are made up reach: the sector of each holding, and its beta to the market. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lakehouse.portfolio.fx import symbol_of
from lakehouse.risk.checks import InvalidParameter
from lakehouse.risk.factors import fit_factors
from lakehouse.risk.hypotheticals import MARKET, SECTORS, sector_named
from lakehouse.risk.scenarios import Hypothetical, Target
from lakehouse.risk.stress import Universe
from spark_jobs.kit.holdings import Holder
from spark_jobs.stress_explain.past import FEWEST_DAYS, Past


@dataclass(frozen=True, slots=True)
class Reach:
    """The lines that are held with their sectors and betas; `lacking` says of which there is no beta, and why; `basis`
    what the betas are to."""

    universe: Universe
    lacking: Mapping[str, str]
    basis: str

    def refusal(self, scenario: Hypothetical, holder: Holder) -> str:
        """Why a scenario cannot be measured for a holder: empty where it can."""
        if not any(shock.target is Target.FACTOR for shock in scenario.shocks):
            return holder.reason
        return holder.reason or next((self.lacking[line] for line in holder.exposures if line in self.lacking), "")

    def note(self, scenario: Hypothetical) -> str:
        """What a detail adds."""
        is_factor = any(shock.target is Target.FACTOR for shock in scenario.shocks)
        return f"betas to {self.basis}" if is_factor else ""


def reach(lines: Sequence[str], past: Past, sectors: Mapping[str, str], newest: int) -> Reach:
    """Of `lines`, their betas by the `newest` days of the market that each of them has too: a line's own numbers do
    not depend on the others."""
    symbols = tuple(map(symbol_of, lines))
    found = [_beta(line, past, newest) for line in lines]
    universe = Universe(
        symbols=symbols,
        sectors=tuple(sector_named(sectors.get(symbol, "")) for symbol in symbols),
        factors=(MARKET,),
        betas=np.array([[0.0 if isinstance(beta, str) else beta] for beta in found]).reshape(-1, 1),
        known_sectors=frozenset(SECTORS),
    )
    lacking = {line: beta for line, beta in zip(lines, found, strict=True) if isinstance(beta, str)}
    return Reach(universe, lacking, past.market.name if past.market else "")


def _beta(line: str, past: Past, newest: int) -> float | str:
    """To the market, or why there is none."""
    own, symbol = past.of(line), symbol_of(line)
    if past.market is None:
        return "the lake has no returns of a market"
    market = past.market.series
    recent = market.days[-newest:]
    days = recent[:0] if own is None else np.intersect1d(own.days, recent, assume_unique=True)
    if own is None or len(days) < FEWEST_DAYS:
        return (
            f"{symbol} has {len(days)} days of returns beside {past.market.name}: at least {FEWEST_DAYS} are needed "
            "for its beta"
        )
    moves = own.returns[np.searchsorted(own.days, days)]
    drivers = market.returns[np.searchsorted(market.days, days)]
    try:
        return float(fit_factors(moves[:, None], drivers[:, None]).betas[0, 0])
    except InvalidParameter:
        return f"{past.market.name} did not move on the days of {symbol}"
