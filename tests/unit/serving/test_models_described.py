"""What GET /models asks of MLflow: the aliases each time, what a version is once a minute."""

import pytest

from lakehouse.clock import ManualClock
from lakehouse.settings import MlflowSettings
from lakehouse.stores.models import ModelStore, Name, NoSuchModelError, Version
from serving.models.described import KEPT_S, Descriptions


class Registry(ModelStore):
    """Three models in memory that count what they are asked for; what is `gone` is no more."""

    def __init__(self) -> None:
        super().__init__(MlflowSettings())
        self.aliases = {"one": {"champion": 1}, "two": {"champion": 4, "challenger": 5}, "three": {"previous": 2}}
        self.gone: set[int] = set()
        self.asked: list[str] = []

    def names(self) -> tuple[Name, ...]:
        self.asked.append("names")
        return tuple(
            Name.model_validate(
                {"name": name, "aliases": [{"alias": alias, "version": number} for alias, number in held.items()]}
            )
            for name, held in self.aliases.items()
        )

    def version(self, name: str, number: int) -> Version:
        self.asked.append(f"version {number}")
        if number in self.gone:
            raise NoSuchModelError(name)
        return Version.model_validate(
            {"name": name, "version": number, "creation_timestamp": 0, "run_id": f"run {number}"}
        )

    def metrics(self, run_id: str) -> dict[str, float]:
        self.asked.append(f"metrics of {run_id}")
        return {"floor": float(run_id.removeprefix("run "))}


@pytest.fixture
def registry() -> Registry:
    return Registry()


def test_one_call_answers_until_a_minute_is_over(registry: Registry) -> None:
    clock = ManualClock()
    descriptions = Descriptions(clock)
    first = descriptions.of(registry)
    assert len(registry.asked) == 1 + 2 * 3
    assert {name.name: sorted(found) for name, found in first} == {
        "one": ["champion"],
        "two": ["challenger", "champion"],
        "three": [],
    }
    assert first[1][1]["challenger"].metrics == {"floor": 5.0}

    registry.asked.clear()
    clock.sleep(KEPT_S)
    assert descriptions.of(registry) == first
    assert registry.asked == ["names"]

    clock.sleep(0.001)
    assert descriptions.of(registry) == first
    assert len(registry.asked) == 2 + 2 * 3


def test_an_alias_that_moves_is_seen_at_once_and_only_its_version_is_asked_for(registry: Registry) -> None:
    descriptions = Descriptions(ManualClock())
    descriptions.of(registry)
    registry.asked.clear()
    registry.aliases["two"] = {"champion": 5, "challenger": 6}
    told = {name.name: found for name, found in descriptions.of(registry)}
    assert {alias: each.version.version for alias, each in told["two"].items()} == {"champion": 5, "challenger": 6}
    assert registry.asked == ["names", "version 6", "metrics of run 6"]


def test_a_version_that_is_deleted_meanwhile_is_left_out(registry: Registry) -> None:
    registry.gone = {4}
    told = {name.name: found for name, found in Descriptions(ManualClock()).of(registry)}
    assert sorted(told["two"]) == ["challenger"]
