"""What the demo's backtests and trainings left in MLflow, read over REST: its own client takes seconds to import."""

import json
from collections.abc import Mapping
from typing import Any

import httpx

from lakehouse.cli.demo.result import ModelState
from lakehouse.settings import MlflowSettings
from lakehouse.stores.models import ModelStore, RegistryUnavailableError, Version

TIMEOUT_S = 30.0
EXPERIMENT = "strategy_backtests"
GATE, CHAMPION = "gate", "champion"
"""The tag of a version that holds its gate's verdict, and the alias of the version in use."""


def reports(section: MlflowSettings, business_date: str) -> dict[str, str]:
    """Where the newest report on each strategy's walk-forward is: addresses by strategy. Raises
    RegistryUnavailableError."""
    uri = section.tracking_uri
    with httpx.Client(base_url=f"{uri}/api/2.0/mlflow", timeout=TIMEOUT_S) as http:
        asked = {"experiment_name": EXPERIMENT}
        experiment = _answer(http.get("experiments/get-by-name", params=asked))["experiment"]["experiment_id"]
        search = {
            "experiment_ids": [experiment],
            "filter": f"tags.kind = 'walk_forward' AND attributes.run_name LIKE '% {business_date}'",
            "order_by": ["attributes.start_time ASC"],
        }
        runs = _answer(http.post("runs/search", json=search)).get("runs", [])
    return {_tags(run)["strategy"]: f"{uri}/#/experiments/{experiment}/runs/{_id(run)}/artifacts" for run in runs}


def models(section: MlflowSettings) -> tuple[ModelState, ...]:
    """The newest version of every registered model. Raises RegistryUnavailableError."""
    with ModelStore(section) as store:
        return tuple(
            _state(section, store.versions(each.name)[0], each.aliases.get(CHAMPION)) for each in store.names()
        )


def _state(section: MlflowSettings, newest: Version, champion: int | None) -> ModelState:
    verdict: dict[str, Any] = json.loads(newest.tags.get(GATE, "{}"))
    return ModelState(
        name=newest.name,
        version=newest.version,
        accepted=bool(verdict.get("accepted")),
        reasons=tuple(verdict.get("reasons", ())),
        champion=champion,
        url=f"{section.tracking_uri}/#/models/{newest.name}/versions/{newest.version}",
    )


def _answer(answer: httpx.Response) -> dict[str, Any]:
    if answer.is_error:
        raise RegistryUnavailableError(
            f"MLflow answered {answer.status_code} to {answer.request.url.path}: {answer.text[:300]}"
        )
    body: dict[str, Any] = answer.json()
    return body


def _tags(run: Mapping[str, Any]) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in run["data"]["tags"]}


def _id(run: Mapping[str, Any]) -> str:
    return str(run["info"]["run_id"])
