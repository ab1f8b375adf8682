"""stack.env: closed to others, stable from one start to the next, and read by the settings."""

import stat
from pathlib import Path

import pytest

from lakehouse.local import envfile
from lakehouse.local.home import Home
from lakehouse.local.ports import port_names
from lakehouse.settings import Settings, load

PORTS = {name: 20_000 + number for number, name in enumerate(port_names())}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("TIDEMARK_HOME", str(tmp_path / "home"))
    found = Home((tmp_path / "home").resolve())
    found.create()
    return found


def test_the_file_is_closed_to_others_and_the_settings_read_it(home: Home) -> None:
    env = envfile.build(Settings(), envfile.StackEnv({}), PORTS)

    envfile.write(home, env)

    settings = load()
    assert stat.S_IMODE(home.stack_env.stat().st_mode) == 0o600
    assert settings.kafka.bootstrap_servers == f"127.0.0.1:{PORTS['kafka_port']}"
    assert settings.stack.kafka_port == PORTS["kafka_port"]
    assert settings.landing.metrics_port == PORTS["landing_metrics_port"]
    assert len(settings.postgres.password.get_secret_value()) >= 32
    assert settings.s3.access_key


def test_secrets_are_kept_and_missing_ones_are_added(home: Home) -> None:
    first = envfile.build(Settings(), envfile.StackEnv({}), PORTS)
    older = {name: value for name, value in first.values.items() if name != "TIDEMARK_REDIS__PASSWORD"}
    envfile.write(home, envfile.StackEnv(older))

    second = envfile.build(load(), envfile.read(home.stack_env), PORTS)

    assert {name: second.values[name] for name in older} == older
    assert second.values["TIDEMARK_REDIS__PASSWORD"]
    assert second.stack_id == first.stack_id


def test_two_stacks_share_no_secret() -> None:
    first, second = (envfile.build(Settings(), envfile.StackEnv({}), PORTS) for _ in range(2))

    names = (*envfile.SETTINGS_SECRETS, *envfile.LOCAL_SECRETS, envfile.STACK_ID)
    assert all(first.values[name] != second.values[name] for name in names)


def test_the_repr_tells_no_secret() -> None:
    env = envfile.build(Settings(), envfile.StackEnv({}), PORTS)

    assert not any(value in repr(env) for value in env.values.values() if len(value) > 8)


def test_an_environment_that_points_elsewhere_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    env = envfile.build(Settings(), envfile.StackEnv({}), PORTS)
    monkeypatch.setenv("TIDEMARK_KAFKA__BOOTSTRAP_SERVERS", "broker.example:9092")

    with pytest.raises(envfile.EnvConflictError, match="TIDEMARK_KAFKA__BOOTSTRAP_SERVERS"):
        envfile.check_environment(env)


def test_a_setting_that_is_kept_is_read_and_outlives_the_next_start(home: Home) -> None:
    envfile.keep(home, "TIDEMARK_PROVIDERS__DEMO_MODE", "true")
    envfile.write(home, envfile.build(load(), envfile.read(home.stack_env), PORTS))

    assert load().providers.demo_mode is True
    assert stat.S_IMODE(home.stack_env.stat().st_mode) == 0o600


def test_providers_of_one_start_are_those_of_the_next_until_another_start_says_so(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDEMARK_PROVIDERS__ORDER", '["yahoo"]')
    monkeypatch.setenv("TIDEMARK_PROVIDERS__FINNHUB_KEY", "a-key")
    envfile.write(home, envfile.build(load(), envfile.StackEnv({}), PORTS))
    for name in ("ORDER", "FINNHUB_KEY"):
        monkeypatch.delenv(f"TIDEMARK_PROVIDERS__{name}")

    kept = load().providers
    assert (kept.order, kept.finnhub_key.get_secret_value()) == (("yahoo",), "a-key")

    monkeypatch.setenv("TIDEMARK_PROVIDERS__ORDER", "[]")
    envfile.write(home, envfile.build(load(), envfile.read(home.stack_env), PORTS))
    monkeypatch.delenv("TIDEMARK_PROVIDERS__ORDER")
    assert load().providers.order == ()
