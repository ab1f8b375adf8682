"""The process and the command, by settings: it trades, is killed, and goes on; without a broker it only waits."""

from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lakehouse.clock import SystemClock
from lakehouse.settings import Settings
from lakehouse.trading.order import Status
from streaming.broker.cli import BrokerCommandError, broker
from tests.factories.broker_pit import Pit
from tests.factories.broker_servers import AlpacaServer
from tests.factories.hot import start, until
from tests.factories.trading import units, wish

pytestmark = pytest.mark.integration
MODULE = ("-m", "streaming.broker")


def test_the_process_trades_is_killed_and_books_what_was_traded_meanwhile(
    pit: Pit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"NAME": "alpaca", "URL": pit.served.url, "POLL_S": "0.1"}
    said |= {"ALPACA_KEY": AlpacaServer.KEY, "ALPACA_SECRET": AlpacaServer.SECRET}
    for name, value in said.items():
        monkeypatch.setenv(f"TIDEMARK_BROKER__{name}", value)
    pit.alpaca.now = SystemClock().now
    order = pit.desk.place(wish(pit.desk)).order_id

    killed = start(pit.settings, tmp_path, *MODULE)
    until(lambda: pit.submission(order) == ("open", 1), killed)
    killed.kill()
    pit.alpaca.fill(str(order), 10, "99.5")
    again = start(pit.settings, tmp_path, *MODULE)
    until(lambda: pit.submission(order) == ("ended", 1), again)

    assert pit.desk.order(order).status is Status.FILLED
    assert units(pit.desk) == (Decimal(10), Decimal(0))
    until(again.is_ready, again)
    assert again.metric("tidemark_broker_leads") == 1
    assert again.metric("tidemark_broker_booked_total") == 1
    assert again.stop() == 0
    logs = killed.log.read_text() + again.log.read_text()
    assert AlpacaServer.KEY not in logs
    assert AlpacaServer.SECRET not in logs


def test_without_a_broker_the_process_waits_and_with_a_wrong_one_it_says_what_lacks(
    broker_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    idle = start(broker_settings, tmp_path, *MODULE)
    until(idle.is_ready, idle)
    assert idle.stop() == 0
    monkeypatch.setenv("TIDEMARK_BROKER__NAME", "alpaca")
    wrong = start(broker_settings, tmp_path, *MODULE)
    assert wrong.process.wait(240) == 2
    assert "TIDEMARK_BROKER__ALPACA_KEY is not set" in wrong.log.read_text()


def test_the_command_tells_and_decides(pit: Pit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    section = pit.settings.postgres
    said = {"PORT": str(section.port), "USER": section.user, "DATABASE": section.database}
    for name, value in said.items():
        monkeypatch.setenv(f"TIDEMARK_POSTGRES__{name}", value)
    monkeypatch.setenv("TIDEMARK_HOME", str(tmp_path))
    portfolio, runner = str(pit.desk.portfolio_id), CliRunner()
    assert "1 portfolios are routed and trade nowhere" in runner.invoke(broker, ["status"]).output
    monkeypatch.setenv("TIDEMARK_BROKER__NAME", "alpaca")
    pit.alpaca.units["MSFT"] = Decimal(1)
    pit.turn()
    (difference,) = pit.differences()
    assert f"{difference.id} position MSFT +1" in runner.invoke(broker, ["status"]).output
    assert runner.invoke(broker, ["accept", str(difference.id), "--by", "ann"]).exit_code == 0
    assert "accepted by ann" in runner.invoke(broker, ["status"]).output
    again = runner.invoke(broker, ["accept", str(difference.id), "--by", "ann"])
    assert isinstance(again.exception, BrokerCommandError)
    assert runner.invoke(broker, ["route", portfolio, "simulated"]).exit_code == 0
    assert "alpaca: 0 portfolios" in runner.invoke(broker, ["status"]).output
    monkeypatch.setenv("TIDEMARK_BROKER__NAME", "")
    assert "no broker is named" in runner.invoke(broker, ["status"]).output
    assert isinstance(runner.invoke(broker, ["route", portfolio, "alpaca"]).exception, BrokerCommandError)
    assert isinstance(runner.invoke(broker, ["route", portfolio, "nowhere"]).exception, BrokerCommandError)
