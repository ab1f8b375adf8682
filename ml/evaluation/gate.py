"""The gate before a promotion: floors that every model keeps, and a champion to be beaten by more than chance."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from math import isfinite

import numpy as np

from lakehouse.errors import TidemarkError
from lakehouse.risk.checks import FloatArray
from ml.evaluation.gate_tests import LEAST_DAYS, block_bootstrap, diebold_mariano

LEVEL = 0.05
NEGLIGIBLE = 1e-9
"""Of the size of what is compared, a difference this small is none: the same model by two ways of summing differs in
the last bits, and by so little in the same direction each day that any test of significance takes it for skill."""


class GateError(TidemarkError):
    """Scores that cannot be compared: of other days, or lacking what a floor asks for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenSet:
    """What candidate and champion are both scored on: days of a table at a pinned Delta version, both ends included.
    Of a generated history `table` names the generator and `delta_version` its seed."""

    table: str
    delta_version: int
    first: date
    last: date

    def __str__(self) -> str:
        return f"{self.table} at version {self.delta_version}, {self.first} to {self.last}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """A bound that `metric` must keep whatever the champion does; `why` is a clause for people."""

    metric: str
    at_least: float | None = None
    at_most: float | None = None
    why: str = ""

    def complaint(self, metrics: Mapping[str, float]) -> str | None:
        """What is wrong, or None. A metric that is missing or not finite is wrong: what cannot be evaluated is no."""
        value = metrics.get(self.metric)
        if value is None or not isfinite(value):
            return f"{self.metric} is not known ({self.why})"
        if self.at_least is not None and value < self.at_least:
            return f"{self.metric} is {value:.6g}, below the floor of {self.at_least:.6g} ({self.why})"
        if self.at_most is not None and value > self.at_most:
            return f"{self.metric} is {value:.6g}, above the limit of {self.at_most:.6g} ({self.why})"
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """How a model did on the frozen set. `losses` (T,): the mean loss of each day, lower is better, any unit that both
    share. `payoffs` (T,): what acting on it would have earned each day after costs, higher is better."""

    losses: FloatArray
    payoffs: FloatArray
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the gate said, and why, in words. `champion_version` is the one compared with, None for the first model:
    a promotion that finds another champion in use is refused."""

    accepted: bool
    reasons: tuple[str, ...]
    frozen: FrozenSet
    champion_version: int | None = None
    numbers: Mapping[str, float] = field(default_factory=dict)


def judge(
    candidate: Scores,
    champion: Scores | None,
    *,
    floors: Sequence[Floor],
    frozen: FrozenSet,
    champion_version: int | None = None,
    seed: int,
    level: float = LEVEL,
) -> Verdict:
    """Accept the candidate if it keeps every floor and, where there is a champion, beats it on the frozen set: both
    tests of `gate_tests` at `level`, and payoffs after costs that are not lower. The first model needs the floors only.

    A loss or payoff that differs by no more than NEGLIGIBLE of the mean size of both models' is the same one.
    Raises GateError for scores of other days, and what `gate_tests` raises.
    """
    if (champion is None) != (champion_version is None):
        raise GateError("a champion comes with its version, and no version without one")
    complaints = [complaint for floor in floors if (complaint := floor.complaint(candidate.metrics)) is not None]
    kept = complaints or [f"all {len(floors)} floors hold"]
    if champion is None:
        first = ("there is no champion yet: the first model that keeps the floors is taken",)
        reasons = (*kept, *first) if not complaints else tuple(kept)
        return Verdict(accepted=not complaints, reasons=reasons, frozen=frozen)
    numbers = _numbers(candidate, champion, seed)
    objections = list(_objections(_without_dust(numbers, candidate, champion), level))
    told = objections or [
        f"better than version {champion_version} by {numbers['loss_gain']:.3g} a day on {frozen} "
        f"(Diebold-Mariano p = {numbers['dm_p_value']:.3g}, bootstrap p = {numbers['bootstrap_p_value']:.3g}), "
        "and not worse after costs"
    ]
    return Verdict(
        accepted=not complaints and not objections,
        reasons=(*kept, *told),
        frozen=frozen,
        champion_version=champion_version,
        numbers=numbers,
    )


def _numbers(candidate: Scores, champion: Scores, seed: int) -> dict[str, float]:
    shapes = {len(each) for scores in (candidate, champion) for each in (scores.losses, scores.payoffs)}
    if len(shapes) != 1 or shapes.pop() < LEAST_DAYS:
        raise GateError(f"both models are scored on the same days, {LEAST_DAYS} at least")
    compared = diebold_mariano(candidate.losses, champion.losses)
    resampled = block_bootstrap(candidate.losses, champion.losses, seed=seed)
    return {
        "loss": float(candidate.losses.mean()),
        "champion_loss": float(champion.losses.mean()),
        "loss_gain": compared.gain,
        "dm_statistic": compared.statistic,
        "dm_p_value": compared.p_value,
        "bootstrap_p_value": resampled.p_value,
        "payoff_gain": float(np.mean(candidate.payoffs - champion.payoffs)),
    }


def _without_dust(numbers: Mapping[str, float], candidate: Scores, champion: Scores) -> Mapping[str, float]:
    """The numbers with gains of 0 where they are too small to be any."""
    pairs = {
        "loss_gain": (candidate.losses, champion.losses),
        "payoff_gain": (candidate.payoffs, champion.payoffs),
    }
    dust = {name: NEGLIGIBLE * float(np.mean(np.abs(pair))) for name, pair in pairs.items()}
    return {**numbers, **{name: 0.0 for name in dust if abs(numbers[name]) <= dust[name]}}


def _objections(numbers: Mapping[str, float], level: float) -> Iterator[str]:
    if numbers["loss_gain"] <= 0:
        yield f"its loss of {numbers['loss']:.6g} is not below the champion's {numbers['champion_loss']:.6g}"
        return
    for test, name in (("dm_p_value", "Diebold-Mariano"), ("bootstrap_p_value", "the block bootstrap")):
        if numbers[test] >= level:
            yield f"its lower loss may be chance: {name} says p = {numbers[test]:.3g}, {level:g} is asked for"
    if numbers["payoff_gain"] < 0:
        yield f"after costs it earns {-numbers['payoff_gain']:.3g} a day less than the champion"
