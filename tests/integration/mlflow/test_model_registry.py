"""Registering, refusing what is pickled, and deciding which version is in use, on the real engines."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import psycopg
import pytest
from mlflow.sklearn import save_model
from sklearn.linear_model import LinearRegression

from lakehouse.clock import SystemClock
from lakehouse.settings import Settings
from lakehouse.stores import postgres
from lakehouse.stores.mlflow import IDENTITY, connect
from lakehouse.stores.models import NoSuchModelError
from ml.inference.models import Models, NoChampionError
from ml.registry.formats import PickleRefused
from ml.registry.names import CHALLENGER, TRAINED_FOR
from ml.registry.promote_job import NotApproved, promote_accepted
from ml.registry.promotions import Decision, Promoter, PromotionRefused
from ml.registry.records import Promotion
from ml.registry.registering import Registered, register
from tests.factories.candidates import candidate, verdict

CLOCK = SystemClock()
BY_GATE = Decision(approver="gate", reason="the gate accepted it")
BY_ANN = Decision(approver="ann", reason="seen by the committee", despite_gate=True)
BACK = Decision(approver="ann", reason="losses since Monday")


def registered(engines: Settings, place: Path, name: str, *, seed: int = 1, champion: int | None = None) -> Registered:
    """A version that the gate has accepted against `champion`."""
    made = candidate(place / f"{name}-{seed}", name, seed=seed, judged=verdict(champion=champion))
    return register(engines.mlflow, made, clock=CLOCK)


class TestRegistering:
    def test_a_version_has_its_whole_record(self, engines: Settings, models: Models, tmp_path: Path) -> None:
        done = registered(engines, tmp_path, "recorded")
        client = connect(engines.mlflow)
        run = client.get_run(done.run_id)
        assert run.data.params == {
            "hidden": "16",
            "rate": "0.1",
            "rule": "x",
            "seed": "1",
            "data.gold.returns_daily_v1": "3",
        }
        assert run.data.metrics["loss"] == 0.5
        assert [(each.step, each.value) for each in client.get_metric_history(done.run_id, "fold.loss")] == [
            (0, 0.7),
            (1, 0.5),
        ]
        assert [each.path for each in client.list_artifacts(done.run_id)] == ["plot.png"]
        assert run.info.status == "FINISHED"
        loaded = models.at_alias("recorded", "challenger")
        assert (loaded.version, loaded.document, list(loaded.arrays()["w"])) == (1, {"kind": "example"}, [1, 1, 1])
        described = (loaded.folder / "MLmodel").read_text()
        assert "signature" in described
        assert "input_example.json" in described
        assert json.loads(models.store.version("recorded", 1).tags["gate"])["accepted"] is True

    def test_the_same_training_is_one_version(self, engines: Settings, tmp_path: Path) -> None:
        first = registered(engines, tmp_path, "once")
        again = registered(engines, tmp_path / "again", "once")
        other = registered(engines, tmp_path, "once", seed=2)
        assert (again.version, again.run_id, again.is_new) == (first.version, first.run_id, False)
        assert (other.version, other.is_new) == (2, True)

    def test_one_that_was_cut_off_before_its_alias_is_made_anew(
        self, engines: Settings, models: Models, tmp_path: Path
    ) -> None:
        registered(engines, tmp_path, "cut_off")
        client = connect(engines.mlflow)
        client.delete_model_version_tag("cut_off", "1", IDENTITY)
        client.delete_registered_model_alias("cut_off", "challenger")
        again = registered(engines, tmp_path / "again", "cut_off")
        assert (again.version, again.is_new) == (2, True)
        assert models.store.name("cut_off").aliases == {"challenger": 2}

    def test_what_does_not_exist_is_said_to_be_missing(self, engines: Settings, models: Models, tmp_path: Path) -> None:
        registered(engines, tmp_path, "unpromoted")
        with pytest.raises(NoChampionError, match="tidemark model promote unpromoted"):
            models.champion("unpromoted")
        with pytest.raises(NoSuchModelError):
            models.version("unpromoted", 7)


class TestPickle:
    @pytest.fixture
    def pickled(self, engines: Settings, tmp_path: Path) -> str:
        """A model that somebody has registered by MLflow's own means, pickled."""
        client = connect(engines.mlflow)
        fitted = LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
        save_model(fitted, tmp_path / "model", serialization_format="pickle", pip_requirements=["scikit-learn"])
        place = client.create_experiment("pickled") if client.get_experiment_by_name("pickled") is None else "0"
        made = client.create_logged_model(place, name="pickled")
        client.log_model_artifacts(made.model_id, str(tmp_path / "model"))
        client.finalize_logged_model(made.model_id, "READY")
        name = f"pickled_{tmp_path.name.replace('-', '_').lower()}"
        client.create_registered_model(name)
        client.create_model_version(name, f"models:/{made.model_id}", model_id=made.model_id)
        client.set_registered_model_alias(name, "champion", "1")
        return name

    def test_it_is_refused_by_name_and_leaves_no_files(self, models: Models, tmp_path: Path, pickled: str) -> None:
        with pytest.raises(PickleRefused, match=f"{pickled} version 1 is refused: model.pkl is pickled"):
            models.champion(pickled)
        assert not list((tmp_path / "cache").rglob("*.pkl"))

    def test_nobody_can_promote_it(self, promoter: Promoter, pickled: str) -> None:
        with pytest.raises(PickleRefused):
            promoter.promote(pickled, BY_ANN, version=1)
        assert promoter.history(pickled) == []


class TestPromotion:
    def test_up_and_down_again(self, engines: Settings, models: Models, promoter: Promoter, tmp_path: Path) -> None:
        for seed, champion in ((1, None), (2, 1), (3, 2)):
            done = registered(engines, tmp_path, "ladder", seed=seed, champion=champion)
            row = promoter.promote("ladder", BY_GATE)
            assert (row.from_version, row.to_version, row.mlflow_run_id) == (champion, seed, done.run_id)
        assert models.store.name("ladder").aliases == {"champion": 3, "previous": 2}
        assert promoter.roll_back("ladder", BACK).to_version == 2
        assert models.store.name("ladder").aliases == {"champion": 2, "previous": 1}
        assert promoter.roll_back("ladder", BACK).to_version == 1
        assert models.store.name("ladder").aliases == {"champion": 1}
        with pytest.raises(PromotionRefused, match="no version to go back to"):
            promoter.roll_back("ladder", BACK)
        told = [(row.kind, row.from_version, row.to_version) for row in reversed(promoter.history("ladder"))]
        assert told == [
            ("promoted", None, 1),
            ("promoted", 1, 2),
            ("promoted", 2, 3),
            ("rolled_back", 3, 2),
            ("rolled_back", 2, 1),
        ]
        newest = promoter.history("ladder")[0]
        assert (newest.approver, newest.reason, newest.data_versions) == (
            "ann",
            "losses since Monday",
            {"gold.returns_daily_v1": 3},
        )

    def test_the_gate_decides_unless_a_person_overrules_it(
        self, engines: Settings, promoter: Promoter, tmp_path: Path
    ) -> None:
        refused = candidate(tmp_path / "refused", "gated", judged=verdict(accepted=False))
        register(engines.mlflow, refused, clock=CLOCK)
        with pytest.raises(PromotionRefused, match="the gate refused gated version 1: a reason"):
            promoter.promote("gated", BY_GATE)
        register(engines.mlflow, candidate(tmp_path / "unjudged", "gated", seed=2), clock=CLOCK)
        with pytest.raises(PromotionRefused, match="judged by no gate"):
            promoter.promote("gated", BY_GATE)
        assert promoter.history("gated") == []
        assert promoter.promote("gated", BY_ANN, version=1).approver == "ann"

    def test_of_two_at_once_that_beat_the_same_champion_one_wins(
        self, engines: Settings, models: Models, promoter: Promoter, tmp_path: Path
    ) -> None:
        for seed in (1, 2, 3, 4):
            registered(engines, tmp_path, "raced", seed=seed)

        def attempt(version: int) -> Promotion | str:
            try:
                return promoter.promote("raced", BY_GATE, version=version)
            except PromotionRefused as error:
                return str(error)

        with ThreadPoolExecutor(4) as pool:
            told = list(pool.map(attempt, (1, 2, 3, 4)))
        [won] = [each for each in told if isinstance(each, Promotion)]
        lost = [each for each in told if isinstance(each, str)]
        assert all(f"but version {won.to_version} is in use now" in each for each in lost)
        assert models.store.name("raced").aliases["champion"] == won.to_version
        assert [row.to_version for row in promoter.history("raced")] == [won.to_version]

    def test_decisions_at_once_make_one_chain(
        self, engines: Settings, models: Models, promoter: Promoter, tmp_path: Path
    ) -> None:
        for seed in (1, 2, 3, 4):
            registered(engines, tmp_path, "chained", seed=seed)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda version: promoter.promote("chained", BY_ANN, version=version), (1, 2, 3, 4)))
        rows = list(reversed(promoter.history("chained")))
        assert [row.from_version for row in rows] == [None, *(row.to_version for row in rows[:-1])]
        assert models.store.name("chained").aliases["champion"] == rows[-1].to_version

    def test_a_training_that_failed_keeps_its_champion_and_stops_no_other(
        self, engines: Settings, models: Models, promoter: Promoter, tmp_path: Path
    ) -> None:
        day, week_before = date(2023, 1, 14), date(2023, 1, 7)
        for name, trained_for in (("weekly_failed", week_before), ("weekly_trained", day)):
            made = candidate(tmp_path / name, name, judged=verdict(), day=trained_for)
            register(engines.mlflow, made, clock=CLOCK)
        client = connect(engines.mlflow)
        client.create_registered_model("weekly_elsewhere")
        client.create_model_version("weekly_elsewhere", "s3://elsewhere/model", tags={TRAINED_FOR: day.isoformat()})
        client.set_registered_model_alias("weekly_elsewhere", CHALLENGER, "1")

        assert promote_accepted(engines, day, clock=CLOCK) == 1
        assert [row.to_version for row in promoter.history("weekly_trained")] == [1]
        for name in ("weekly_failed", "weekly_elsewhere"):
            assert promoter.history(name) == []
            assert models.store.name(name).aliases == {"challenger": 1}

    def test_who_approved_is_on_record_and_without_a_name_nothing_is_promoted(
        self, engines: Settings, models: Models, promoter: Promoter, tmp_path: Path
    ) -> None:
        day = date(2023, 1, 21)
        made = candidate(tmp_path / "approved", "approved", judged=verdict(), day=day)
        register(engines.mlflow, made, clock=CLOCK)
        asking = engines.model_copy(update={"mlflow": engines.mlflow.model_copy(update={"approval": True})})
        with pytest.raises(NotApproved, match="nobody is named"):
            promote_accepted(asking, day, clock=CLOCK)
        assert promoter.history("approved") == []

        assert promote_accepted(asking, day, clock=CLOCK, approver="ann") == 1
        found = promoter.history("approved")[0]
        assert (found.approver, found.to_version) == ("ann", 1)
        assert "approver the day's promotions" in found.reason

    def test_an_alias_that_was_moved_in_mlflow_is_used_and_recorded(
        self, engines: Settings, models: Models, promoter: Promoter, tmp_path: Path
    ) -> None:
        for seed in (1, 2, 3):
            registered(engines, tmp_path, "by_hand", seed=seed, champion=2 if seed == 3 else None)
        promoter.promote("by_hand", BY_GATE, version=1)
        connect(engines.mlflow).set_registered_model_alias("by_hand", "champion", "2")
        assert models.champion("by_hand").version == 2
        promoter.promote("by_hand", BY_GATE, version=3)
        told = [(row.kind, row.from_version, row.to_version) for row in reversed(promoter.history("by_hand"))]
        assert told == [("promoted", None, 1), ("observed", 1, 2), ("promoted", 2, 3)]

    def test_the_record_cannot_be_rewritten(self, engines: Settings, promoter: Promoter, tmp_path: Path) -> None:
        registered(engines, tmp_path, "kept")
        promoter.promote("kept", BY_GATE)
        for statement in (
            "UPDATE ops.model_promotion SET approver = 'nobody'",
            "DELETE FROM ops.model_promotion",
            "TRUNCATE ops.model_promotion",
        ):
            with postgres.connect(engines.postgres) as connection, pytest.raises(psycopg.errors.RestrictViolation):
                connection.execute(statement)
        with postgres.connect(engines.postgres) as connection:
            connection.execute("SET ROLE tidemark_api")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("INSERT INTO ops.model_promotion (model) VALUES ('x')")
