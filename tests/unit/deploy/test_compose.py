"""The containers: no Docker engine runs here, so what can be proved from the files is proved from the files."""

import re
from typing import Any

import pytest
import yaml

from lakehouse.cli.settings_table import documented
from lakehouse.settings import project_root

ROOT = project_root()
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name for name, service in SERVICES.items() if service["image"].startswith("tidemark/platform")}
ONE_SHOT = {name for name, service in SERVICES.items() if service.get("restart") == "no"}
# These images write below their own root at start (a rendered configuration); everything else is read-only.
WRITABLE_ROOT = {"kafka", "clickhouse"}
# The embedded stack's own section and folder mean nothing in a container.
EMBEDDED_ONLY = ("TIDEMARK_STACK__", "TIDEMARK_HOME")

every_service = pytest.mark.parametrize("name", sorted(SERVICES))


def _interpolations(node: object) -> set[str]:
    return set(re.findall(r"(?<!\$)\$\{([A-Z0-9_]+)", yaml.safe_dump(node)))


@every_service
def test_an_image_has_a_pinned_version(name: str) -> None:
    image, _, tag = SERVICES[name]["image"].rpartition(":")
    assert image
    assert re.search(r"\d", tag)
    assert "latest" not in tag


@every_service
def test_a_long_running_service_has_a_healthcheck(name: str) -> None:
    assert ("healthcheck" in SERVICES[name]) != (name in ONE_SHOT)


@every_service
def test_a_service_waits_for_health_or_completion(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        wanted = "service_completed_successfully" if other in ONE_SHOT else "service_healthy"
        assert how == {"condition": wanted}, f"{name} waits for {other}"


@every_service
def test_a_service_is_not_root_and_has_no_privileges(name: str) -> None:
    service = SERVICES[name]
    assert str(service["user"]).split(":")[0] not in {"root", "0"}
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert bool(service.get("read_only")) != (name in WRITABLE_ROOT)


def test_ports_are_published_on_loopback_only() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert {"api", "airflow-api", "mlflow", "clickhouse", "s3", "prometheus"} <= set(published)
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)


@every_service
def test_a_service_belongs_to_known_profiles_and_so_do_those_it_waits_for(name: str) -> None:
    profiles = set(SERVICES[name]["profiles"])
    assert profiles in ({"core", "full"}, {"full"})
    assert all(profiles <= set(SERVICES[other]["profiles"]) for other in SERVICES[name].get("depends_on", {}))


def test_mounted_files_are_in_the_repository_or_named_in_the_example() -> None:
    example = (ROOT / ".env.example").read_text()
    mounts = [mount for service in SERVICES.values() for mount in service.get("volumes", [])]
    assert len(mounts) > len(COMPOSE["volumes"])
    for mount in mounts:
        source = mount.split(":")[0]
        if source.startswith("./"):
            assert (ROOT / source).is_file() or source[2:] in example
        else:
            assert source in COMPOSE["volumes"]


def test_every_setting_that_the_code_reads_is_passed_and_no_other() -> None:
    read = {doc.variable for doc in documented() if not doc.variable.startswith(EMBEDDED_ONLY)}
    for name in sorted(OURS - {"mlflow"}):  # MLflow's own server reads none of our settings
        passed = {variable for variable in SERVICES[name]["environment"] if variable.startswith("TIDEMARK_")}
        assert passed == read, f"{name}: {sorted(passed ^ read)}"


def test_secrets_come_from_the_environment_and_have_no_default() -> None:
    secrets = {doc.variable for doc in documented() if doc.secret}
    environment = COMPOSE["x-environment"]
    # The platform runs without keys of price providers, mail server and broker; without any other secret it must not.
    optional = ("TIDEMARK_PROVIDERS__", "TIDEMARK_ALERTS__", "TIDEMARK_BROKER__")
    needed = {name: ":-" if name.startswith(optional) else ":?set it in .env" for name in secrets}
    assert {name: environment[name] for name in secrets} == {name: f"${{{name}{needed[name]}}}" for name in secrets}


def test_the_example_names_every_secret_and_gives_none_away() -> None:
    lines = [line for line in (ROOT / ".env.example").read_text().splitlines() if line and not line.startswith("#")]
    assert all(line.endswith("=") for line in lines)
    assert {line[:-1] for line in lines} == _interpolations(COMPOSE)


def test_all_engines_of_the_embedded_stack_are_there() -> None:
    engines = {"kafka", "s3", "postgres", "redis", "clickhouse", "spark", "mlflow", "prometheus"}
    airflow = {"airflow-api", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer"}
    assert engines | airflow | {"landing", "api", "bootstrap"} <= set(SERVICES)
