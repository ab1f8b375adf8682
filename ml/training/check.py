"""Trains a check's model: a generated history, variants that walk forward, the gate, one version in the registry."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Protocol

import numpy as np
import structlog

from lakehouse.clock import Clock
from lakehouse.contracts.tables.model_quality import MODEL_QUALITY
from lakehouse.risk.checks import FloatArray, InvalidParameter
from lakehouse.settings import Settings
from lakehouse.stores.scores import Scored, given
from ml.evaluation.calibration import reliability_table
from ml.evaluation.drift import Drift, as_metrics, drift, triggers_training
from ml.evaluation.gate import Floor, FrozenSet, Scores, Verdict, judge
from ml.inference.models import Loaded, in_use
from ml.inference.scorer import Kind, Scale, Scorer, load_scorer
from ml.registry.candidate import Candidate
from ml.registry.origin import code_version
from ml.registry.registering import Registered, register
from ml.registry.saving import save_sklearn
from ml.training import quality
from ml.training.pictures import beside, ranked, reliable
from ml.training.scoring import (
    Fitted,
    Plan,
    Sample,
    choose,
    daily,
    fit,
    linear_agrees,
    linear_terms,
    measures,
    ranking,
    threshold,
    walk,
)

log = structlog.get_logger(__name__)
FROZEN_SEED: Final = 20_240_101
FROZEN_FIRST: Final = date(2024, 1, 1)
REFERENCE_ROWS: Final = 1000
"""Rows of the training kept in the document, to compare later inputs with."""
EXAMPLES: Final = 4
SCORE_GIVEN: Final = "score_given"
"""The drift of what services were answered, among that of the features."""
IN_USE_DAYS: Final = 28


class Generator(Protocol):
    """Makes a sample of so many accounts over so many days, the same for the same arguments."""

    def __call__(self, *, seed: int, accounts: int, first: date, days: int) -> Sample: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckModel:
    """What is particular to a check. `generator` names `generate` in records, with its seed as version. `anchors` maps
    probabilities on the calibration days to the scale of the answers. `rising` are features whose weight must not be
    negative. `scored` is what services ask the promoted version about."""

    name: str
    generator: str
    generate: Generator
    features: Sequence[str]
    kinds: Sequence[Kind]
    plan: Plan
    anchors: Callable[[FloatArray], tuple[tuple[float, float], ...]]
    floors: Sequence[Floor]
    scored: Scored
    rising: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is generated: `accounts` over `days` that end with the business date, and the frozen set."""

    accounts: int
    days: int = 540
    frozen_accounts: int
    frozen_days: int = 270
    seed: int = 7


@dataclass(frozen=True, slots=True)
class Study:
    """Everything that was found. `reference` holds rows by feature; `frozen` is what the gate judged on, and `said`
    (n,) the probabilities of its cases."""

    fitted: Fitted
    scale: Scale
    folds: Sequence[Mapping[str, float]]
    metrics: Mapping[str, float]
    frozen_sample: Sample
    said: FloatArray
    scores: Scores
    frozen: FrozenSet
    reference: Mapping[str, FloatArray] = field(default_factory=dict)


def study(spec: CheckModel, size: Size, day: date) -> Study:
    """Walk forward, choose the cheapest of the best variants, fit it on all days, measure it on the frozen set.

    Raises TooFewCases.
    """
    first = day - timedelta(days=size.days - 1)
    sample = spec.generate(seed=size.seed, accounts=size.accounts, first=first, days=size.days)
    folds = walk(sample, spec.kinds, spec.plan, seed=size.seed)
    fitted = fit(choose(folds, spec.kinds), sample, seed=size.seed)
    scale = Scale(fitted.slope, fitted.intercept, spec.anchors(fitted.probabilities(sample.rows)))
    sealed = spec.generate(seed=FROZEN_SEED, accounts=size.frozen_accounts, first=FROZEN_FIRST, days=size.frozen_days)
    said = fitted.probabilities(sealed.rows)
    rules = ranking(sealed.labels, sealed.rules, spec.plan.review_rate)
    metrics = measures(sealed.labels, said, spec.plan.review_rate)
    metrics |= {f"rules_{name}": value for name, value in rules.items()}
    metrics["gain_over_rules"] = metrics["average_precision"] - metrics["rules_average_precision"]
    metrics["least_rising_weight"] = _least_rising(spec, fitted)
    chosen = np.random.default_rng(size.seed).permutation(len(sample.rows))[:REFERENCE_ROWS]
    return Study(
        fitted,
        scale,
        folds,
        metrics,
        sealed,
        said,
        _scored(sealed, said, spec.plan, metrics),
        FrozenSet(
            table=spec.generator,
            delta_version=FROZEN_SEED,
            first=FROZEN_FIRST,
            last=FROZEN_FIRST + timedelta(days=size.frozen_days - 1),
        ),
        {name: sample.rows[chosen, place] for place, name in enumerate(spec.features)},
    )


def verdict(spec: CheckModel, made: Study, champion: Scorer | None, version: int | None, *, seed: int) -> Verdict:
    """What the gate says, the champion being scored on the same frozen cases. Raises GateError."""
    theirs = None
    if champion is not None:
        theirs = _scored(made.frozen_sample, champion.probabilities(made.frozen_sample.rows), spec.plan, {})
    return judge(made.scores, theirs, floors=spec.floors, frozen=made.frozen, champion_version=version, seed=seed)


def document(spec: CheckModel, made: Study) -> dict[str, Any]:
    """What services compute with, and what the model was trained on. Raises InvalidParameter where the numbers for
    services say something else than the estimator."""
    told: dict[str, Any] = {
        "kind": made.fitted.kind.value,
        "features": list(spec.features),
        "scale": {"slope": made.scale.slope, "intercept": made.scale.intercept, "anchors": list(made.scale.anchors)},
        "trained_on": f"{spec.generator}: a generated history",
        "judged_on": str(made.frozen),
        "reference": {name: [round(float(each), 6) for each in values] for name, values in made.reference.items()},
    }
    if made.fitted.kind is Kind.LINEAR:
        if not linear_agrees(made.fitted, made.frozen_sample.rows):
            raise InvalidParameter("the weights for services do not say what the estimator says")
        weights, bias = linear_terms(made.fitted)
        told |= {"weights": weights.tolist(), "bias": bias}
    return told


def train(spec: CheckModel, size: Size, settings: Settings, day: date, *, clock: Clock) -> dict[str, int]:
    """Train, judge against the champion, register as the challenger, record the quality. Idempotent for a day.

    Returns rows by output. Raises TooFewCases, GateError, PickleRefused, RegistryUnavailableError,
    MlflowUnavailableError, QualityStoreError.
    """
    champion = in_use(settings, spec.name)
    scorer = None if champion is None else load_scorer(champion, spec.features)
    in_service = () if champion is None or scorer is None else _drift_in_use(spec, champion, scorer, settings, day)
    made = study(spec, size, day)
    said = verdict(spec, made, scorer, None if champion is None else champion.version, seed=size.seed)
    moved = () if champion is None else (*_drift(champion, made), *in_service)
    done = _register(spec, size, settings, day, (made, said, moved), clock)
    log.info(
        "trained",
        model=done.name,
        version=done.version,
        kind=made.fitted.kind.value,
        accepted=said.accepted,
        reasons=list(said.reasons),
        drifted=triggers_training(moved),
    )
    rows = [
        *quality.of_folds(made.folds),
        *quality.of_frozen(spec.generator, made.metrics, len(made.said)),
        *quality.of_calibration(reliability_table(made.said, made.frozen_sample.labels)),
        *quality.of_drift(moved),
    ]
    return {MODEL_QUALITY.name: quality.record(settings.clickhouse, done, day, rows, clock=clock)}


def _register(
    spec: CheckModel,
    size: Size,
    settings: Settings,
    day: date,
    found: tuple[Study, Verdict, tuple[Drift, ...]],
    clock: Clock,
) -> Registered:
    made, said, moved = found
    with TemporaryDirectory() as place:
        folder = save_sklearn(
            made.fitted.estimator,
            made.frozen_sample.rows[:EXAMPLES],
            Path(place) / "model",
            document=document(spec, made),
        )
        candidate = Candidate(
            name=spec.name,
            folder=folder,
            business_date=day,
            seed=size.seed,
            params={**asdict(size), **asdict(spec.plan), "kind": made.fitted.kind.value},
            data_versions={spec.generator: size.seed},
            metrics={**made.metrics, **as_metrics(moved)},
            fold_metrics=made.folds,
            plots={"frozen_set.png": _picture(made)},
            tags={"generated_history": "true", "tidemark.code": code_version()},
            description=(
                f"{made.fitted.kind.value} on {spec.generator}, a generated history: it says how well the model finds "
                f"what the generator puts in. Judged on {made.frozen}."
            ),
            verdict=said,
        )
        return register(settings.mlflow, candidate, clock=clock)


def _picture(made: Study) -> bytes:
    """Calibration, and what is found beside the rules."""
    cases = made.frozen_sample
    both = {"model": made.said, "rules": cases.rules}
    return beside(reliable(reliability_table(made.said, cases.labels)), ranked(cases.labels, both))


def _scored(frozen: Sample, said: FloatArray, plan: Plan, metrics: Mapping[str, float]) -> Scores:
    """Of either model alike: people look at as many of the frozen cases, those that it says to be the likeliest."""
    losses, payoffs = daily(frozen, said, threshold(said, plan.review_rate), plan.review_cost)
    return Scores(losses=losses, payoffs=payoffs, metrics=metrics)


def _drift(champion: Loaded, made: Study) -> tuple[Drift, ...]:
    """What the candidate was trained on against what the champion was."""
    told: Mapping[str, Sequence[float]] = champion.document.get("reference", {})
    before = {name: np.asarray(values, dtype=np.float64) for name, values in told.items()}
    return drift(before, made.reference) if set(before) == set(made.reference) else ()


def _drift_in_use(
    spec: CheckModel, champion: Loaded, scorer: Scorer, settings: Settings, day: date
) -> tuple[Drift, ...]:
    """The scores that the champion has given in services against those that it gives what it was trained on."""
    told: Mapping[str, Sequence[float]] = champion.document.get("reference", {})
    if set(told) != set(spec.features):
        return ()
    rows = np.column_stack([told[name] for name in spec.features])
    before = scorer.scale.scores(scorer.probabilities(rows))
    now = given(settings.postgres, spec.scored, scorer.source, last=day, days=IN_USE_DAYS)
    return drift({SCORE_GIVEN: before}, {SCORE_GIVEN: np.asarray(now, dtype=np.float64)})


def _least_rising(spec: CheckModel, fitted: Fitted) -> float:
    if fitted.kind is not Kind.LINEAR or not spec.rising:
        return 0.0
    weights = dict(zip(spec.features, linear_terms(fitted)[0], strict=True))
    return float(min(weights[name] for name in spec.rising))
