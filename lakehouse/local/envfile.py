"""`stack.env`: the endpoints and secrets of the embedded stack, as the names that `lakehouse.settings` reads."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, SecretStr

from lakehouse.errors import TidemarkError
from lakehouse.local.home import Home, write_private
from lakehouse.settings import Settings, inherited_environment

SECRET_BYTES = 32
HEADER = "# Written by `tidemark up`: endpoints and secrets of the embedded stack. Keep it private.\n"

# Secrets of the platform that lakehouse.settings knows, and those that only the embedded stack shares.
SETTINGS_SECRETS = (
    "TIDEMARK_S3__SECRET_KEY",
    "TIDEMARK_POSTGRES__PASSWORD",
    "TIDEMARK_REDIS__PASSWORD",
    "TIDEMARK_CLICKHOUSE__PASSWORD",
    "TIDEMARK_CLICKHOUSE__ANALYST_PASSWORD",
    "TIDEMARK_AIRFLOW__PASSWORD",
)
LOCAL_SECRETS = (
    "TIDEMARK_LOCAL_POSTGRES_SUPERUSER_PASSWORD",
    "TIDEMARK_LOCAL_AIRFLOW_DB_PASSWORD",
    "TIDEMARK_LOCAL_MLFLOW_DB_PASSWORD",
    "TIDEMARK_LOCAL_AIRFLOW_API_SECRET",
    "TIDEMARK_LOCAL_AIRFLOW_JWT_SECRET",
    "TIDEMARK_LOCAL_AIRFLOW_FERNET_KEY",
    "TIDEMARK_LOCAL_DEMO_PASSWORD",
)
# Sections that say whom the stack talks to outside.
OUTSIDE = ("providers", "alerts", "broker")
ACCESS_KEY = "TIDEMARK_S3__ACCESS_KEY"
STACK_ID = "TIDEMARK_STACK_ID"


class EnvConflictError(TidemarkError):
    """The environment names other endpoints than the embedded stack has."""


@dataclass(frozen=True, slots=True)
class StackEnv:
    """The pairs of `stack.env`. `values` maps full names to plain text; its repr hides them."""

    values: Mapping[str, str]

    def __repr__(self) -> str:
        return f"StackEnv({len(self.values)} names)"

    def local_secret(self, name: str) -> str:
        """A secret of LOCAL_SECRETS by its short name, as `AIRFLOW_JWT_SECRET`."""
        return self.values[f"TIDEMARK_LOCAL_{name}"]

    @property
    def stack_id(self) -> str:
        return self.values[STACK_ID]


def read(path: Path) -> StackEnv:
    """The pairs in `path`; none if there is no such file."""
    if not path.exists():
        return StackEnv({})
    pairs = (line.partition("=") for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    return StackEnv({name.strip(): value.strip() for name, found, value in pairs if found})


def render(env: StackEnv) -> str:
    """The text of `stack.env`, sorted by name."""
    return HEADER + "".join(f"{name}={value}\n" for name, value in sorted(env.values.items()))


def build(settings: Settings, previous: StackEnv, ports: Mapping[str, int]) -> StackEnv:
    """Endpoints from `ports` (StackSettings field name -> port), a value for every secret, where known ones are kept,
    and who delivers prices and mail, and trades."""
    values = dict(previous.values)
    values.update({f"TIDEMARK_STACK__{name.upper()}": str(port) for name, port in ports.items()})
    values.update(_endpoints(ports))
    for section in OUTSIDE:  # as this `up` was told, for the ones after it
        for name, value in _outside(section, getattr(settings, section)).items():
            values.pop(name, None)
            values.update({} if value is None else {name: value})
    values.setdefault(STACK_ID, secrets.token_hex(8))
    values.setdefault(ACCESS_KEY, settings.s3.access_key or f"tidemark-{secrets.token_hex(6)}")
    for name in SETTINGS_SECRETS:
        values.setdefault(name, _given(settings, name) or secrets.token_urlsafe(SECRET_BYTES))
    for name in LOCAL_SECRETS:
        values.setdefault(name, _new_secret(name))
    return StackEnv(values)


def keep(home: Home, name: str, value: str) -> None:
    """Have a setting of the stack from its next start on; `build` keeps it."""
    write(home, StackEnv({**read(home.stack_env).values, name: value}))


def write(home: Home, env: StackEnv) -> None:
    """Replace `stack.env` (mode 0600)."""
    write_private(home.stack_env, render(env))


def check_environment(env: StackEnv) -> None:
    """Raise EnvConflictError where the environment would send clients elsewhere than to this stack."""
    outer = inherited_environment()
    wrong = [
        name
        for name, value in env.values.items()
        if name in outer and outer[name] != value and "__" in name and not name.startswith("TIDEMARK_STACK__")
    ]
    if wrong:
        raise EnvConflictError(
            f"{', '.join(sorted(wrong))} in the environment differ from the embedded stack: unset them, "
            "or leave `tidemark up` out and use your own engines"
        )


def _outside(name: str, section: BaseModel) -> dict[str, str | None]:
    """What is not as usual of a section that says who is outside, as text; None for what is."""
    fields = type(section).model_fields
    told = {field: getattr(section, field) for field in fields if field != "metrics_port"}
    return {
        f"TIDEMARK_{name.upper()}__{field.upper()}": None if value == fields[field].default else _said(value)
        for field, value in told.items()
    }


def _said(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return value if isinstance(value, str) else json.dumps(value)


def _new_secret(name: str) -> str:
    text = secrets.token_urlsafe(SECRET_BYTES)
    return f"{text}=" if name.endswith("FERNET_KEY") else text  # 32 bytes in base64 with its padding: a Fernet key


def _given(settings: Settings, name: str) -> str:
    section, field = name.removeprefix("TIDEMARK_").lower().split("__")
    value = getattr(getattr(settings, section), field)
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def _endpoints(ports: Mapping[str, int]) -> dict[str, str]:
    at = {name.removesuffix("_port"): port for name, port in ports.items()}
    return {
        "TIDEMARK_KAFKA__BOOTSTRAP_SERVERS": f"127.0.0.1:{at['kafka']}",
        "TIDEMARK_S3__ENDPOINT_URL": f"http://127.0.0.1:{at['s3']}",
        "TIDEMARK_POSTGRES__HOST": "127.0.0.1",
        "TIDEMARK_POSTGRES__PORT": str(at["postgres"]),
        "TIDEMARK_REDIS__HOST": "127.0.0.1",
        "TIDEMARK_REDIS__PORT": str(at["redis"]),
        "TIDEMARK_CLICKHOUSE__HOST": "127.0.0.1",
        "TIDEMARK_CLICKHOUSE__PORT": str(at["clickhouse"]),
        "TIDEMARK_SPARK__REMOTE": f"sc://127.0.0.1:{at['spark']}",
        "TIDEMARK_AIRFLOW__URL": f"http://127.0.0.1:{at['airflow']}",
        "TIDEMARK_MLFLOW__TRACKING_URI": f"http://127.0.0.1:{at['mlflow']}",
        "TIDEMARK_SERVING__HOST": "127.0.0.1",
        "TIDEMARK_SERVING__PORT": str(at["api"]),
        "TIDEMARK_PROMETHEUS__URL": f"http://127.0.0.1:{at['prometheus']}",
        "TIDEMARK_LANDING__METRICS_PORT": str(at["landing_metrics"]),
        "TIDEMARK_OUTBOX__METRICS_PORT": str(at["outbox_metrics"]),
        "TIDEMARK_HOT__METRICS_PORT": str(at["hot_metrics"]),
        "TIDEMARK_QUOTES__METRICS_PORT": str(at["quotes_metrics"]),
        "TIDEMARK_SIGNALS__METRICS_PORT": str(at["signals_metrics"]),
        "TIDEMARK_PROVIDERS__METRICS_PORT": str(at["feed_metrics"]),
        "TIDEMARK_ALERTS__METRICS_PORT": str(at["mail_metrics"]),
        "TIDEMARK_BROKER__METRICS_PORT": str(at["broker_metrics"]),
    }
