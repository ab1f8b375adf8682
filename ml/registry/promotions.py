"""Putting a version to use, and taking it back: one decision at a time for a model, each on record."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from lakehouse.clock import Clock
from lakehouse.contracts.job_process import JobExit
from lakehouse.errors import TidemarkError
from lakehouse.settings import PostgresSettings
from lakehouse.stores import postgres
from lakehouse.stores.models import ModelStore, NoSuchModelError, Version
from lakehouse.stores.postgres import PostgresUnavailable
from ml.inference.models import Models
from ml.registry import records
from ml.registry.names import CHALLENGER, CHAMPION, PREVIOUS
from ml.registry.origin import code_version
from ml.registry.records import Kind, Promotion
from ml.registry.verdicts import verdict_of

DATA: Final = "data."
"""How parameters of a run are called that say what was read."""
ELSEWHERE: Final = "the alias champion was moved in MLflow, not by Tidemark"


class PromotionRefused(TidemarkError):
    """The version may not be put to use; the message says why, and what would change that."""

    exit_code = JobExit.DATA


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Who wants it and why. `despite_gate` puts a version to use that the gate has not accepted: for people."""

    approver: str
    reason: str
    despite_gate: bool = False


class Promoter:
    """Changes which version is in use. Blocking. Methods raise PostgresUnavailable and RegistryUnavailableError; then
    nothing is on record, and an alias that was moved nevertheless is put on record by the next decision."""

    def __init__(self, section: PostgresSettings, models: Models, clock: Clock) -> None:
        self._section = section
        self._models = models
        self._clock = clock

    def promote(self, name: str, decision: Decision, *, version: int | None = None) -> Promotion:
        """Make `version` the champion, or the challenger where none is given.

        Raises PromotionRefused where the gate has not accepted it against the champion that is in use now,
        PickleRefused for files that would run, NoSuchModelError.
        """
        store = self._models.store
        found = store.by_alias(name, CHALLENGER) if version is None else store.version(name, version)
        self._models.version(name, found.version)
        with self._deciding(name) as (connection, _, champion):
            if champion == found.version:
                raise PromotionRefused(f"{name} version {found.version} is the champion already")
            if not decision.despite_gate:
                _require_acceptance(found, champion)
            row = self._row(found, Kind.PROMOTED, champion, decision)
            records.add(connection, row)
            _point(store, name, champion=found.version, previous=champion)
            _retire_challenger(store, name, found.version)
        return row

    def roll_back(self, name: str, decision: Decision) -> Promotion:
        """Put the version to use again that was in use before the present champion; again, the one before that.

        Raises PromotionRefused where there is none, PickleRefused, NoSuchModelError.
        """
        store = self._models.store
        with self._deciding(name) as (connection, rows, champion):
            before = None if champion is None else records.predecessor(rows, champion)
            if before is None:
                raise PromotionRefused(f"{name} has no version to go back to: `tidemark model show {name}`")
            self._models.version(name, before)
            row = self._row(store.version(name, before), Kind.ROLLED_BACK, champion, decision)
            records.add(connection, row)
            _point(store, name, champion=before, previous=records.predecessor(rows, before))
        return row

    def history(self, name: str) -> list[Promotion]:
        """Every decision about a model, newest first."""
        with self._connected() as connection:
            return records.history(connection, name)

    @contextmanager
    def _deciding(self, name: str) -> Iterator[tuple[Connection[TupleRow], list[Promotion], int | None]]:
        """The lock, the history, and the alias as it is now that nobody else here can move it."""
        with self._connected() as connection:
            records.lock(connection, name)
            rows = records.history(connection, name)
            champion = _champion(self._models.store, name)
            known = rows[0].to_version if rows else None
            if champion is not None and champion != known:
                seen = Decision(approver="unknown", reason=ELSEWHERE)
                found = self._models.store.version(name, champion)
                records.add(connection, self._row(found, Kind.OBSERVED, known, seen))
                rows = records.history(connection, name)
            yield connection, rows, champion

    @contextmanager
    def _connected(self) -> Iterator[Connection[TupleRow]]:
        try:
            with postgres.connect(self._section) as connection:
                yield connection
        except psycopg.OperationalError as error:
            raise PostgresUnavailable(f"PostgreSQL did not answer: {error}. `tidemark doctor` says why") from error

    def _row(self, found: Version, kind: Kind, before: int | None, decision: Decision) -> Promotion:
        store = self._models.store
        parameters = store.parameters(found.run_id) if found.run_id else {}
        return Promotion(
            model=found.name,
            kind=kind,
            from_version=before,
            to_version=found.version,
            approver=decision.approver,
            reason=decision.reason,
            verdict=verdict_of(found),
            metrics=store.metrics(found.run_id) if found.run_id else {},
            data_versions={
                name.removeprefix(DATA): int(value) for name, value in parameters.items() if name.startswith(DATA)
            },
            mlflow_run_id=found.run_id,
            code_version=code_version(),
            decided_at=self._clock.now(),
        )


def _require_acceptance(version: Version, champion: int | None) -> None:
    verdict = verdict_of(version)
    told = f"{version.name} version {version.version}"
    if not verdict:
        raise PromotionRefused(f"{told} was judged by no gate: a person may promote it by --despite-gate")
    if not verdict.get("accepted"):
        raise PromotionRefused(f"the gate refused {told}: {'; '.join(verdict.get('reasons', ()))}")
    if verdict.get("champion_version") != champion:
        raise PromotionRefused(
            f"{told} was compared with version {verdict.get('champion_version')}, but version {champion} is in use "
            "now: train again, so that the gate compares with that one"
        )


def _champion(store: ModelStore, name: str) -> int | None:
    try:
        return store.by_alias(name, CHAMPION).version
    except NoSuchModelError:
        return None


def _point(store: ModelStore, name: str, *, champion: int, previous: int | None) -> None:
    """Move both aliases, the one that counts last."""
    if previous is None:
        store.delete_alias(name, PREVIOUS)
    else:
        store.set_alias(name, PREVIOUS, previous)
    store.set_alias(name, CHAMPION, champion)


def _retire_challenger(store: ModelStore, name: str, promoted: int) -> None:
    if store.name(name).aliases.get(CHALLENGER) == promoted:
        store.delete_alias(name, CHALLENGER)
