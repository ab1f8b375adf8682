"""Which model answers, and what it says."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

import numpy as np
import structlog
from anyio import CapacityLimiter, to_thread

from lakehouse.clock import Clock
from lakehouse.errors import TidemarkError
from lakehouse.stores.models import (
    Name,
    NoSuchModelError,
    RegistryUnavailableError,
    StrangeArtifactError,
)
from ml.features.returns import LEAST_RETURNS, samples
from ml.inference import forecast as computing
from ml.inference.forecast import NAME, Forecaster, forecaster
from ml.inference.models import Loaded, Models as Registry, NoChampionError, UnusableModelError
from ml.registry.formats import PickleRefused
from ml.registry.names import PREVIOUS
from ml.registry.verdicts import verdict_of
from serving.kit.problems import ApiError, DependencyUnavailable
from serving.models.described import SHOWN, Described, Descriptions
from serving.models.repository import DecisionRow, ModelRepository
from serving.models.schemas import (
    LEAST_CLOSES,
    Decision,
    Forecast,
    ForecastByModel,
    ForecastQuantile,
    Model,
    Models,
    ModelVersion,
    OfSymbol,
    OfValues,
    Source,
    UsedModel,
)

KEPT_S: Final = 5.0
STORED_CLOSES: Final = 1000
COMPUTED_AT_ONCE: Final = 2
AWAY: Final = "MLflow does not answer; /health/ready and `tidemark status` show it."
UNUSABLE: Final = (PickleRefused, UnusableModelError, StrangeArtifactError)

log = structlog.get_logger(__name__)


class ModelNotFound(ApiError):
    """The registry has no such model, version or alias, or the run registered none."""

    status = 404
    code = "model_not_found"
    title = "No such model"


class InstrumentNotFound(ApiError):
    """No instrument has this symbol."""

    status = 404
    code = "instrument_unknown"
    title = "No such instrument"


class ModelRefused(ApiError):
    """The model is pickled or holds code, or forecasts something else: it is not loaded."""

    status = 409
    code = "model_refused"
    title = "This model is not used here"


class HistoryTooShort(ApiError):
    """The platform has fewer daily closes of the instrument than a forecast needs."""

    status = 409
    code = "history_too_short"
    title = "Too few daily closes"


@dataclass(frozen=True, slots=True)
class _Chosen:
    """A forecaster, or why there is none."""

    found: Forecaster | None
    why: str | None


class ModelService:
    """Forecasts. The alias champion is looked up once in KEPT_S seconds; what is computed says which version it was."""

    def __init__(self, repository: ModelRepository, clock: Clock) -> None:
        self._repository = repository
        self._clock = clock
        self._descriptions = Descriptions(clock)
        self._computing = CapacityLimiter(COMPUTED_AT_ONCE)  # not the registry's: a forecast waits for no MLflow
        self._looking = asyncio.Lock()
        self._known: _Chosen | None = None
        self._known_at = float("-inf")

    async def models(self) -> Models:
        """Every registered model: what its aliases point to now. Raises DependencyUnavailable."""
        try:
            found = await self._repository.ask(lambda registry: self._descriptions.of(registry.store))
        except RegistryUnavailableError as error:
            raise DependencyUnavailable(AWAY) from error
        decisions = await self._repository.decisions()
        return Models(data=[_model(name, versions, decisions.get(name.name)) for name, versions in found])

    async def forecast(self, asked: OfSymbol | OfValues) -> Forecast:
        """By the champion, or by the baseline, which says why. Raises InstrumentNotFound, HistoryTooShort."""
        symbol, as_of, closes = await self._series(asked)
        chosen = await self._champion()
        used = (
            UsedModel(name=computing.BASELINE, version=None, source=Source.BASELINE, why=chosen.why)
            if chosen.found is None
            else UsedModel(name=NAME, version=chosen.found.version, source=Source.CHAMPION, why=None)
        )
        return await self._answer(chosen.found, closes, used=used, symbol=symbol, as_of=as_of)

    async def by_model(self, asked: ForecastByModel) -> Forecast:
        """By the model that is named. Raises ModelNotFound, ModelRefused, DependencyUnavailable."""
        try:
            found = await self._repository.ask(lambda registry: forecaster(_named(registry, asked.model_uri)))
        except RegistryUnavailableError as error:
            raise DependencyUnavailable(AWAY) from error
        except NoSuchModelError as error:
            raise ModelNotFound(
                f"The registry has no {asked.model_uri}; GET /api/v1/models lists what there is."
            ) from error
        except UNUSABLE as error:
            raise ModelRefused(f"{error}.") from error
        used = UsedModel(name=found.name, version=found.version, source=Source.ASKED, why=None)
        return await self._answer(found, asked.values, used=used, symbol=None, as_of=None)

    async def _series(self, asked: OfSymbol | OfValues) -> tuple[str | None, date | None, Sequence[float]]:
        if isinstance(asked, OfValues):
            return None, None, asked.values
        rows = await self._repository.closes(asked.symbol, STORED_CLOSES)
        if rows is None:
            raise InstrumentNotFound(f"There is no instrument {asked.symbol}.")
        if len(rows) < LEAST_CLOSES:
            raise HistoryTooShort(
                f"{asked.symbol} has {len(rows)} daily closes, a forecast needs {LEAST_CLOSES}: load its past, or send "
                "closes as `values`."
            )
        return asked.symbol, rows[-1].business_date, [float(row.close) for row in rows]

    async def _champion(self) -> _Chosen:
        """Looked up for all who ask meanwhile: a registry that is away costs them its time limit once, not in turn."""
        async with self._looking:
            if self._known is None or self._clock.monotonic() - self._known_at > KEPT_S:
                self._known = await self._looked_up()
                self._known_at = self._clock.monotonic()
            return self._known

    async def _looked_up(self) -> _Chosen:
        try:
            return _Chosen(await self._repository.ask(lambda registry: forecaster(registry.champion(NAME))), None)
        except NoChampionError as error:
            return _Chosen(None, f"{error}.")
        except (RegistryUnavailableError, *UNUSABLE) as error:
            log.warning("champion not usable", model=NAME, error=str(error))
            return _Chosen(None, _told(error))

    async def _answer(
        self,
        found: Forecaster | None,
        closes: Sequence[float],
        *,
        used: UsedModel,
        symbol: str | None,
        as_of: date | None,
    ) -> Forecast:
        told = await to_thread.run_sync(_computed, found, closes, limiter=self._computing)
        quantiles = [
            ForecastQuantile(level=f"{level:g}", log_return=_digits(value))
            for level, value in zip(told.levels, told.quantiles[0], strict=True)
        ]
        return Forecast(
            model=used,
            symbol=symbol,
            as_of=as_of,
            closes=len(closes),
            quantiles=quantiles,
            volatility=_digits(told.volatility[0]),
        )


def _told(error: TidemarkError) -> str:
    """Why, for clients: an engine's own words may name hosts."""
    return AWAY if isinstance(error, RegistryUnavailableError) else f"{error}."


def _computed(found: Forecaster | None, closes: Sequence[float]) -> computing.Forecast:
    returns = np.diff(np.log(np.asarray(closes, dtype=np.float64)))
    if found is not None:
        return found.newest(returns)
    return computing.baseline(samples(returns[-LEAST_RETURNS * 4 :]).scale[-1:])


def _named(registry: Registry, uri: str) -> Loaded:
    scheme, _, rest = uri.partition(":/")
    if scheme == "runs":
        made = registry.store.version_of_run(rest.partition("/")[0])
        return registry.version(made.name, made.version)
    name, _, alias = rest.partition("@")
    if alias:
        return registry.at_alias(name, alias)
    name, _, number = rest.partition("/")
    return registry.version(name, int(number))


def _model(name: Name, versions: dict[str, Described], row: DecisionRow | None) -> Model:
    champion, challenger = (_version(versions[alias]) if alias in versions else None for alias in SHOWN)
    decided = None
    if row is not None:
        names = ("kind", "from_version", "to_version", "approver", "reason", "decided_at")
        decided = Decision.model_validate({each: getattr(row, each) for each in names})
    return Model(
        name=name.name,
        champion=champion,
        challenger=challenger,
        previous=name.aliases.get(PREVIOUS),
        decided=decided,
    )


def _version(described: Described) -> ModelVersion:
    version, verdict = described.version, verdict_of(described.version)
    accepted = verdict.get("accepted")
    return ModelVersion(
        version=version.version,
        is_accepted=accepted if isinstance(accepted, bool) else None,
        reasons=[str(each) for each in verdict.get("reasons", ())],
        metrics={key: f"{value:.8g}" for key, value in sorted(described.metrics.items())},
        created_at=datetime.fromtimestamp(version.created_ms / 1000, tz=UTC),
    )


def _digits(value: float) -> str:
    return f"{value + 0.0:.8f}"
