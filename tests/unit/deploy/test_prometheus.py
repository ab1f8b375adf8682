"""Alert rules ask for metrics that the code measures, and Prometheus is told where they are."""

import re
from typing import Any

import pytest
import yaml

from lakehouse.settings import project_root
from tests.unit.deploy.test_grafana import NAME, _exposed

FOLDER = project_root() / "deploy" / "prometheus"
RULES = yaml.safe_load((FOLDER / "rules.yml").read_text())
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"]]


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_asks_for_what_is_measured_and_says_what_it_means(alert: dict[str, Any]) -> None:
    asked = set(re.findall(NAME, alert["expr"]))
    assert asked
    assert asked - set(_exposed()) == set()
    assert alert["annotations"]["summary"].endswith(".")
    assert alert["labels"]["severity"] in {"page", "ticket"}


def test_prometheus_reads_the_rules_and_every_scraped_service_is_in_compose() -> None:
    document = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    services = yaml.safe_load((project_root() / "docker-compose.yml").read_text())["services"]
    mounted = " ".join(services["prometheus"]["volumes"])
    hosts = {
        target.split(":")[0]
        for job in document["scrape_configs"]
        for config in job["static_configs"]
        for target in config["targets"]
    }
    assert hosts <= set(services)
    assert all(path in mounted for path in document["rule_files"])
