"""A check's model from its training to the answers of services, with the registry there, gone, and wrong."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from lakehouse.clock import SystemClock
from lakehouse.settings import MlflowSettings, Settings
from lakehouse.stores import clickhouse, postgres
from lakehouse.stores.mlflow import connect
from lakehouse.stores.scores import Scored, given
from ml.checks.champion import Champion
from ml.checks.identity import Person, assess
from ml.features.customers import customer_features
from ml.inference.models import Models, in_use
from ml.registry.promotions import Decision, Promoter
from ml.training.check import SCORE_GIVEN, Size, train
from ml.training.identity.spec import SPEC

pytestmark = [pytest.mark.integration, pytest.mark.engines()]

NAME = "identity_score_tested"
TESTED = replace(SPEC, name=NAME)
SIZE = Size(accounts=900, days=300, frozen_accounts=500, frozen_days=100)
DAY, NEXT_WEEK = date(2024, 12, 28), date(2025, 1, 4)
GONE = MlflowSettings(tracking_uri="http://127.0.0.1:9")
PERSON = Person(email="a@example.com", name="Ada Example")


@pytest.fixture(scope="module")
def promoted(engines: Settings) -> Settings:
    """Trained and promoted: version 1 is the champion."""
    assert train(TESTED, SIZE, engines, DAY, clock=SystemClock())["ops.model_quality_v1"] > 0
    with Models.of(engines) as models:
        Promoter(engines.postgres, models, SystemClock()).promote(NAME, Decision(approver="gate", reason="a test"))
    return engines


def champion(section: MlflowSettings, cache: Path, features: tuple[str, ...] = tuple(SPEC.features)) -> Champion:
    return Champion(section, cache, NAME, features)


def test_a_training_leaves_its_whole_record(promoted: Settings) -> None:
    found = in_use(promoted, NAME)
    assert found is not None
    described = (found.folder / "MLmodel").read_text(encoding="utf-8")
    assert "signature" in described
    assert "input_example" in described
    client = connect(promoted.mlflow)
    run = client.get_run(client.get_model_version(NAME, "1").run_id or "")
    assert {"seed", "data.generated.customers", "kind", "folds", "embargo_days"} <= set(run.data.params)
    assert {"average_precision", "calibration_error", "gain_over_rules"} <= set(run.data.metrics)
    assert len(client.get_metric_history(run.info.run_id, "fold.rules_average_precision")) == SPEC.plan.folds
    assert [each.path for each in client.list_artifacts(run.info.run_id)] == ["frozen_set.png"]


def test_services_use_the_promoted_version_and_name_it(promoted: Settings, tmp_path: Path) -> None:
    found = champion(promoted.mlflow, tmp_path)
    assert found.judge is None
    found.refresh()
    assert found.judge is not None
    learned = found.judge.one(customer_features(PERSON, today=DAY))
    verdict = assess(PERSON, today=DAY, learned=learned)
    assert verdict.source == learned.source == f"{NAME}@1"
    assert 0 < verdict.score < 1


def test_a_registry_that_is_gone_leaves_the_model_that_was_used_last(promoted: Settings, tmp_path: Path) -> None:
    running = champion(promoted.mlflow, tmp_path)
    running.refresh()
    restarted = champion(GONE, tmp_path)
    restarted.refresh()
    assert restarted.judge is not None
    assert restarted.judge.source == f"{NAME}@1"
    never = champion(GONE, tmp_path / "empty")
    never.refresh()
    assert never.judge is None


def test_files_that_were_changed_are_refused(promoted: Settings, tmp_path: Path) -> None:
    champion(promoted.mlflow, tmp_path).refresh()
    document = tmp_path / NAME / "1" / "tidemark" / "model.json"
    document.write_text(document.read_text(encoding="utf-8").replace('"bias": ', '"bias": 9'), encoding="utf-8")
    for section in (promoted.mlflow, GONE):
        restarted = champion(section, tmp_path)
        restarted.refresh()
        assert restarted.judge is None


def test_a_model_of_other_features_is_refused(promoted: Settings, tmp_path: Path) -> None:
    found = champion(promoted.mlflow, tmp_path, ("something", "else"))
    found.refresh()
    assert found.judge is None


def test_a_name_without_a_champion_means_the_rules(promoted: Settings, tmp_path: Path) -> None:
    found = Champion(promoted.mlflow, tmp_path, "never_trained", SPEC.features)
    found.refresh()
    assert found.judge is None


def test_training_again_measures_drift_and_is_not_promoted_for_nothing(promoted: Settings) -> None:
    before = _count(promoted)
    train(TESTED, SIZE, promoted, DAY, clock=SystemClock())
    assert _count(promoted) == before  # the same training finds its version, and its rows
    _answer_customers(promoted, f"{NAME}@1", 300, low=0.05)
    _answer_customers(promoted, f"{NAME}@10", 300, low=0.9)
    train(TESTED, SIZE, promoted, NEXT_WEEK, clock=SystemClock())
    with clickhouse.connect(promoted.clickhouse) as client:
        rows = client.query(
            "SELECT DISTINCT subject, verdict FROM model_quality_v1 WHERE model = {m:String} AND aspect = 'drift'",
            parameters={"m": NAME},
        ).result_rows
        counts = client.query(
            "SELECT DISTINCT sample_count FROM model_quality_v1 WHERE model = {m:String} AND subject = {s:String}",
            parameters={"m": NAME, "s": SCORE_GIVEN},
        ).result_rows
    # The history is generated as before; what services were answered by this version is not what it was trained on.
    assert {tuple(row) for row in rows} == {*((name, "stable") for name in SPEC.features), (SCORE_GIVEN, "drifted")}
    assert counts == [(300,)]
    champion_now = in_use(promoted, NAME)
    assert champion_now is not None
    assert champion_now.version == 1


def _answer_customers(settings: Settings, source: str, count: int, *, low: float) -> None:
    """Customers of the week before NEXT_WEEK that `source` has scored, from `low` up to 0.1 more."""
    with postgres.connect(settings.postgres) as connection:
        connection.execute("SET LOCAL session_replication_role = replica")  # their owners are not looked for
        connection.execute(
            """
            INSERT INTO app.customer (id, owner_id, email, name, ai_identity_score, ai_identity_reasons, created_at)
            SELECT gen_random_uuid(), gen_random_uuid(), each || '@example.com', 'Somebody', %(low)s + 0.0001 * each,
                   jsonb_build_array(jsonb_build_object('rule', 'name', 'points', 10),
                                     jsonb_build_object('rule', %(source)s::text, 'points', 5)), %(at)s
            FROM generate_series(1, %(count)s) AS each
            """,
            {"low": low, "source": source, "count": count, "at": NEXT_WEEK - timedelta(days=3)},
        )


@pytest.mark.parametrize("scored", Scored)
def test_scores_of_another_model_or_time_are_not_counted(promoted: Settings, scored: Scored) -> None:
    assert given(promoted.postgres, scored, "nobody@1", last=NEXT_WEEK, days=28) == []
    assert given(promoted.postgres, scored, f"{NAME}@1", last=NEXT_WEEK - timedelta(days=30), days=28) == []


def _count(settings: Settings) -> int:
    with clickhouse.connect(settings.clickhouse) as client:
        found = client.query("SELECT count() FROM model_quality_v1 WHERE model = {m:String}", parameters={"m": NAME})
    return int(found.result_rows[0][0])
