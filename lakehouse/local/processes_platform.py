"""The processes above the engines: Airflow's four, MLflow, Prometheus, the lander, the relay, the hot process, the
quotes, the signals, the feed, the mailer, the broker's process and the API."""

import hmac
import json
from collections.abc import Mapping
from dataclasses import replace

from pydantic import SecretStr

from lakehouse.local import conf_platform, probes
from lakehouse.local.install import debian
from lakehouse.local.spec import ProcessSpec, Role, StackContext

BOOKS_AND_TOPICS = ("topics", "migrate-postgres")
SLOW_START_S = 300.0  # 5 s of CPU time each on a quiet machine; a busy one takes its time


def specs(context: StackContext) -> tuple[ProcessSpec, ...]:
    """Every process above the engines, in no particular order."""
    return (
        *airflow(context),
        mlflow(context),
        prometheus(context),
        landing(context),
        outbox(context),
        hot(context),
        quotes(context),
        signals(context),
        api(context),
        *feed(context),
        *mail(context),
        *broker(context),
    )


def airflow(context: StackContext) -> tuple[ProcessSpec, ...]:
    """Airflow's api-server, scheduler, dag-processor and triggerer: never `airflow standalone`, which leaves orphans.

    `--skip-serve-logs`: the log servers of the scheduler and the triggerer listen on every address, and the
    api-server reads the same log folder anyway.
    """
    url = context.settings.airflow.url
    report = f"{url}/api/v2/monitor/health"
    return (
        _airflow(context, "api", ("api-server",), probes.airflow_component(report, "metadatabase")),
        _airflow(
            context, "scheduler", ("scheduler", "--skip-serve-logs"), probes.airflow_component(report, "scheduler")
        ),
        _airflow(context, "dag-processor", ("dag-processor",), probes.airflow_component(report, "dag_processor")),
        _airflow(
            context, "triggerer", ("triggerer", "--skip-serve-logs"), probes.airflow_component(report, "triggerer")
        ),
    )


def _airflow(context: StackContext, name: str, arguments: tuple[str, ...], probe: probes.Probe) -> ProcessSpec:
    is_api = name == "api"
    passwords = {context.home.conf / "airflow.passwords.json": conf_platform.airflow_passwords(context)}
    return ProcessSpec(
        name=f"airflow-{name}",
        role=Role.PLATFORM,
        argv=(str(context.python), "-m", "airflow", *arguments),
        cwd=context.project,
        env=conf_platform.airflow_environment(context),
        files=passwords if is_api else {},
        probe=probe,
        ports=("airflow_port",) if is_api else (),
        after=("airflow-db",),
        uses=() if is_api else ("airflow-api",),  # its health report speaks for the others
        url=context.settings.airflow.url if is_api else "",
        stop_wait_s=15,
        start_timeout_s=SLOW_START_S,
    )


def mlflow(context: StackContext) -> ProcessSpec:
    """MLflow's tracking server and model registry, one worker."""
    port = str(context.settings.stack.mlflow_port)
    return ProcessSpec(
        name="mlflow",
        role=Role.PLATFORM,
        argv=(str(context.python), "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", port, "--workers", "1"),
        cwd=context.home.run,
        env=conf_platform.mlflow_environment(context),
        probe=probes.http_ok(f"{context.settings.mlflow.tracking_uri}/health"),
        ports=("mlflow_port",),
        after=("databases", "buckets"),
        url=context.settings.mlflow.tracking_uri,
        start_timeout_s=SLOW_START_S,
    )


def prometheus(context: StackContext) -> ProcessSpec:
    """Prometheus, scraping the processes of this stack."""
    conf = context.home.conf / "prometheus.yml"
    data = context.home.data("prometheus")
    address = f"127.0.0.1:{context.settings.stack.prometheus_port}"
    storage = (f"--storage.tsdb.path={data}", "--storage.tsdb.retention.time=15d")
    return ProcessSpec(
        name="prometheus",
        role=Role.PLATFORM,
        needs=("debian",),
        argv=(
            str(debian.prometheus(context.cache)),
            *(f"--config.file={conf}", f"--web.listen-address={address}", *storage),
        ),
        cwd=context.home.run,
        env={"GOGC": "50"},
        files={conf: conf_platform.prometheus_yml(context)},
        probe=probes.http_ok(f"{context.settings.prometheus.url}/-/ready"),
        ports=("prometheus_port",),
        url=context.settings.prometheus.url,
    )


def landing(context: StackContext) -> ProcessSpec:
    """The lander: Kafka to bronze, exactly once."""
    port = context.settings.landing.metrics_port
    return replace(_processor(context, "landing", port, after=("topics", "buckets")), stop_wait_s=30)


def outbox(context: StackContext) -> ProcessSpec:
    """The relay: events of PostgreSQL's outbox to Kafka, at least once."""
    return _processor(context, "outbox", context.settings.outbox.metrics_port, after=BOOKS_AND_TOPICS)


def feed(context: StackContext) -> tuple[ProcessSpec, ...]:
    """The feed of live prices, where providers are named.

    Its environment changes with the providers' settings, so that it is started again where they do.
    """
    section = context.settings.providers
    if not section.order:
        return ()
    digest = _digest(context, "providers")
    return (_processor(context, "feed", section.metrics_port, "run", after=BOOKS_AND_TOPICS, env=digest),)


def mail(context: StackContext) -> tuple[ProcessSpec, ...]:
    """The mailer of alerts, where an SMTP server is named; told its settings as the feed is."""
    section = context.settings.alerts
    if not section.smtp_host:
        return ()
    digest = _digest(context, "alerts")
    return (_processor(context, "mail", section.metrics_port, after=BOOKS_AND_TOPICS, env=digest),)


def broker(context: StackContext) -> tuple[ProcessSpec, ...]:
    """Orders to a broker, where one is named; told its settings as the feed is."""
    section = context.settings.broker
    if not section.name:
        return ()
    digest = _digest(context, "broker")
    return (_processor(context, "broker", section.metrics_port, after=("migrate-postgres",), env=digest),)


def hot(context: StackContext) -> ProcessSpec:
    """The hot process: ticks to marks, alerts and simulated fills, exactly once."""
    after = (*BOOKS_AND_TOPICS, "redis")
    made = _processor(context, "hot", context.settings.hot.metrics_port, after=after, env=_hours(context))
    return replace(made, start_timeout_s=SLOW_START_S)  # the first one on a machine compiles its loops


def quotes(context: StackContext) -> ProcessSpec:
    """The quotes' process: ticks to TimescaleDB, bars and latest prices."""
    return _processor(context, "quotes", context.settings.quotes.metrics_port, after=(*BOOKS_AND_TOPICS, "redis"))


def signals(context: StackContext) -> ProcessSpec:
    """The signals' process: trading signals to orders of portfolios that opted in, exactly once."""
    port = context.settings.signals.metrics_port
    return _processor(context, "signals", port, after=BOOKS_AND_TOPICS, env=_hours(context))


def _processor(
    context: StackContext,
    name: str,
    metrics_port: int,
    *arguments: str,
    after: tuple[str, ...],
    env: Mapping[str, str] | None = None,
) -> ProcessSpec:
    """`python -m streaming.NAME`, which tells its health and its metrics on a port of its own."""
    address = f"http://127.0.0.1:{metrics_port}"
    return ProcessSpec(
        name=name,
        role=Role.PLATFORM,
        argv=(str(context.python), "-m", f"streaming.{name}", *arguments),
        cwd=context.project,
        env=dict(env or {}),
        probe=probes.http_ok(f"{address}/health"),
        ports=(f"{name}_metrics_port",),
        after=after,
        url=f"{address}/metrics",
    )


def api(context: StackContext) -> ProcessSpec:
    """The serving API."""
    url = context.settings.serving.url
    return ProcessSpec(
        name="api",
        role=Role.PLATFORM,
        argv=(str(context.python), "-m", "serving"),
        cwd=context.project,
        env=_hours(context),
        probe=probes.http_ok(f"{url}/health/ready"),
        ports=("api_port",),
        after=("migrate-postgres", "migrate-clickhouse", "redis"),
        uses=("kafka", "s3"),
        url=url,
        stop_wait_s=20,
    )


def _hours(context: StackContext) -> dict[str, str]:
    """Whether exchanges are always open, so that a process that runs is started again where that is changed."""
    return {"TIDEMARK_PROVIDERS__DEMO_MODE": "true"} if context.settings.providers.demo_mode else {}


def _digest(context: StackContext, name: str) -> dict[str, str]:
    """A variable that tells two states of a section apart, and tells nothing of its secrets."""
    section = getattr(context.settings, name)
    said = {field: _plain(getattr(section, field)) for field in type(section).model_fields}
    text = json.dumps(said, sort_keys=True, default=str)
    key = context.env.local_secret("AIRFLOW_API_SECRET").encode()
    return {f"TIDEMARK_{name.upper()}_DIGEST": hmac.new(key, text.encode(), "sha256").hexdigest()}


def _plain(value: object) -> object:
    return value.get_secret_value() if isinstance(value, SecretStr) else value
