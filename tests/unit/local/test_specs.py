"""The declared processes: complete, startable in order, without a secret on any command line, on loopback only."""

import configparser
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event

import pytest
import yaml
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from lakehouse.local import bootstrap, conf_platform, graph, processes_engines, processes_platform, supervisor
from lakehouse.local.envfile import LOCAL_SECRETS, SETTINGS_SECRETS
from lakehouse.local.graph import Node
from lakehouse.local.home import Home
from lakehouse.local.ports import port_names
from lakehouse.local.spec import ProcessSpec, Role, StackContext, Step, UnknownProcessError, select
from lakehouse.stores.probes import ProbeError
from streaming.kit.health import HealthServer
from tests.factories.stack_context import stack_context

EXPECTED = {
    *("kafka", "s3", "postgres", "redis", "clickhouse", "spark", "mlflow", "prometheus", "landing", "outbox", "api"),
    "hot",
    "feed",
    "mail",
    "broker",
    "signals",
    "quotes",
    *("airflow-api", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer"),
}


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StackContext:
    monkeypatch.setenv("TIDEMARK_HOME", str(tmp_path / "a home with spaces and 100%"))
    monkeypatch.setenv("TIDEMARK_PROVIDERS__ORDER", '["finnhub", "yahoo"]')
    monkeypatch.setenv("TIDEMARK_PROVIDERS__FINNHUB_KEY", "a-key-with-100%")
    monkeypatch.setenv("TIDEMARK_ALERTS__SMTP_HOST", "127.0.0.1")
    monkeypatch.setenv("TIDEMARK_BROKER__NAME", "alpaca")
    return stack_context(Home((tmp_path / "a home with spaces and 100%").resolve()), tmp_path / "cache")


@pytest.fixture
def specs(context: StackContext) -> tuple[ProcessSpec, ...]:
    return (*processes_engines.specs(context), *processes_platform.specs(context))


def test_every_process_is_declared_once(specs: tuple[ProcessSpec, ...]) -> None:
    names = [spec.name for spec in specs]

    assert sorted(names) == sorted(EXPECTED)


def test_every_port_belongs_to_one_process(specs: tuple[ProcessSpec, ...]) -> None:
    ports = [port for spec in specs for port in spec.ports]

    assert sorted(ports) == sorted(port_names())


def test_all_can_be_started_in_some_order(context: StackContext, specs: tuple[ProcessSpec, ...]) -> None:
    steps = bootstrap.steps(context)

    nodes: list[ProcessSpec | Step] = [*specs, *steps]
    order: list[str] = []
    graph.run([Node(node.name, node.after, partial(order.append, node.name)) for node in nodes], abort=order.clear)

    for chain in (("postgres", "databases", "airflow-db", "airflow-scheduler"), ("kafka", "topics", "landing")):
        assert [name for name in order if name in chain] == list(chain)
    engines = {node.name for node in specs if node.role is Role.ENGINE}
    assert not [node.name for node in specs if node.name in engines and node.after]


def test_a_selection_takes_what_it_waits_for_and_uses(context: StackContext, specs: tuple[ProcessSpec, ...]) -> None:
    steps = bootstrap.steps(context)

    assert select(["redis"], specs, steps) == {"redis"}
    assert select(["spark"], specs, steps) == {"spark", "s3", "buckets"}
    assert {"airflow-api", "airflow-triggerer", "airflow-db", "postgres"} <= select(["airflow"], specs, steps)
    assert "airflow-db" not in select(["postgres"], specs, steps)
    with pytest.raises(UnknownProcessError, match=r"no process 'mysql'.*kafka"):
        select(["mysql"], specs, steps)


def test_no_command_line_carries_a_secret(context: StackContext, specs: tuple[ProcessSpec, ...]) -> None:
    secrets = {context.env.values[name] for name in (*SETTINGS_SECRETS, *LOCAL_SECRETS)}

    assert not [spec.name for spec in specs for word in spec.argv if any(secret in word for secret in secrets)]


def test_nothing_listens_beyond_loopback(specs: tuple[ProcessSpec, ...]) -> None:
    texts = [" ".join(spec.argv) for spec in specs] + [text for spec in specs for text in spec.files.values()]

    assert not [text for text in texts if "0.0.0.0" in text or "[::]" in text]


def test_supervisord_conf_is_read_back_as_it_was_meant(context: StackContext, specs: tuple[ProcessSpec, ...]) -> None:
    parser = configparser.RawConfigParser(delimiters=("=",), inline_comment_prefixes=(" ;",), strict=True)

    parser.read_string(supervisor.render(specs, context.home))

    assert {section.removeprefix("program:") for section in parser.sections() if "program:" in section} == EXPECTED
    assert all(parser[f"program:{name}"]["autostart"] == "false" for name in EXPECTED)
    assert {parser[f"program:{name}"]["startsecs"] for name in EXPECTED} == {"30"}
    assert {parser[f"program:{name}"]["startretries"] for name in EXPECTED} == {"300"}
    assert parser["program:postgres"]["stopsignal"] == "INT"
    assert "100%%" in parser["program:kafka"]["stdout_logfile"]


def test_the_lander_is_ready_when_it_lands_and_not_when_it_answers(context: StackContext) -> None:
    is_landing = Event()
    server = HealthServer(0, registry=CollectorRegistry(), is_ready=is_landing.is_set)
    section = context.settings.landing.model_copy(update={"metrics_port": server.port})
    spec = processes_platform.landing(
        replace(context, settings=context.settings.model_copy(update={"landing": section}))
    )
    try:
        with pytest.raises(ProbeError, match="503"):
            spec.probe()
        is_landing.set()
        spec.probe()
    finally:
        server.close()

    assert spec.url == f"http://127.0.0.1:{server.port}/metrics"


def test_prometheus_scrapes_the_stack(context: StackContext) -> None:
    document = yaml.safe_load(conf_platform.prometheus_yml(context))

    targets = {job["job_name"]: job["static_configs"][0]["targets"] for job in document["scrape_configs"]}
    assert targets["api"] == [f"127.0.0.1:{context.settings.stack.api_port}"]
    assert set(targets) == {
        "landing",
        "outbox",
        "hot",
        "quotes",
        "signals",
        "feed",
        "mail",
        "broker",
        "api",
        "minio",
        "prometheus",
    }


def test_the_feed_is_started_again_where_a_key_changes_and_its_environment_tells_none(context: StackContext) -> None:
    other = context.settings.providers.model_copy(update={"finnhub_key": SecretStr("another-key")})
    changed = replace(context, settings=context.settings.model_copy(update={"providers": other}))

    (before,), (after,) = processes_platform.feed(context), processes_platform.feed(changed)

    assert before.env != after.env
    assert processes_platform.feed(context)[0].env == before.env
    assert not any("key" in value for value in (*before.env.values(), *after.env.values()))


def test_where_exchanges_are_always_open_the_processes_that_ask_are_told(context: StackContext) -> None:
    always = context.settings.providers.model_copy(update={"demo_mode": True})
    demo = replace(context, settings=context.settings.model_copy(update={"providers": always}))

    told = {"TIDEMARK_PROVIDERS__DEMO_MODE": "true"}
    assert [processes_platform.hot(demo).env, processes_platform.api(demo).env] == [told, told]
    assert [processes_platform.hot(context).env, processes_platform.api(context).env] == [{}, {}]


def test_a_stack_without_providers_has_no_feed_and_scrapes_none(context: StackContext) -> None:
    nobody = context.settings.providers.model_copy(update={"order": ()})
    without = replace(context, settings=context.settings.model_copy(update={"providers": nobody}))

    assert {spec.name for spec in processes_platform.specs(without)} == {
        spec.name for spec in processes_platform.specs(context)
    } - {"feed"}
    assert "feed" not in conf_platform.prometheus_yml(without)


def test_a_stack_without_a_mail_server_has_no_mailer_and_scrapes_none(context: StackContext) -> None:
    nobody = context.settings.alerts.model_copy(update={"smtp_host": ""})
    without = replace(context, settings=context.settings.model_copy(update={"alerts": nobody}))

    assert "mail" not in {spec.name for spec in processes_platform.specs(without)}
    assert "mail" not in conf_platform.prometheus_yml(without)


def test_a_stack_without_a_broker_has_no_process_of_it_and_scrapes_none(context: StackContext) -> None:
    nobody = context.settings.broker.model_copy(update={"name": ""})
    without = replace(context, settings=context.settings.model_copy(update={"broker": nobody}))

    assert "broker" not in {spec.name for spec in processes_platform.specs(without)}
    assert "broker" not in conf_platform.prometheus_yml(without)
