"""Rebalancing on a small market: who is due, what is proposed, delivered once, and recomputed bit for bit."""

import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from psycopg.types.json import Jsonb

from lakehouse.clock import SystemClock
from lakehouse.construction.model import Objective
from lakehouse.construction.policy import Aim, Policy
from lakehouse.construction.policy_document import document
from lakehouse.construction.regime import Regime
from lakehouse.contracts.jobs import DELIVER_PROPOSALS
from lakehouse.contracts.model import Table
from lakehouse.contracts.tables.gold import RETURNS_DAILY
from lakehouse.contracts.tables.rebalancing import PROPOSALS, TRADES
from lakehouse.contracts.tables.silver import FX_RATES, POSITIONS
from lakehouse.domain.ids import SYSTEM_USER
from lakehouse.risk.checks import FloatArray
from lakehouse.settings import PostgresSettings, Settings
from lakehouse.stores import delta, postgres
from spark_jobs.deliver_proposals.job import NothingPublishedError, deliver_proposals
from spark_jobs.kit import life
from spark_jobs.kit.args import Request
from spark_jobs.kit.batch import publish
from spark_jobs.kit.manifest import Manifest
from spark_jobs.kit.model import Batch
from spark_jobs.kit.reproduce import reproduce
from spark_jobs.kit.run import Steps
from spark_jobs.kit.sessions import sessions
from spark_jobs.rebalance.job import JOB as REBALANCE
from tests.factories.lake import lake_of_its_own, put

pytestmark = [pytest.mark.spark, pytest.mark.engines("s3")]

DAY, NEXT = date(2022, 12, 28), date(2022, 12, 29)
CLOCK = SystemClock()
SYMBOLS = ("AAA", "BBB", "CCC")
PORTFOLIOS = DUE, LATER, EUROS, UNSOLVABLE = tuple(UUID(int=i) for i in range(1, 5))
HELD = {"AAA": 70, "BBB": 30}
RESERVED = 5
"""Units of AAA that open orders of each portfolio keep."""
EQUAL = dict.fromkeys(Regime, Aim(Objective.EQUAL_WEIGHT, cash=0.1))


def run(job: Batch, settings: Settings) -> Manifest:
    return publish(job, Request(DAY), settings, clock=CLOCK)


def deliver(settings: Settings, day: date = DAY) -> Manifest:
    def work(session: life.Session) -> Manifest:
        return deliver_proposals(session, Steps(CLOCK))

    return life.recorded(DELIVER_PROPOSALS, Request(day), settings, clock=CLOCK, work=work)


def rows(settings: Settings, table: Table) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = delta.open_table(settings.s3, table).to_pyarrow_table().to_pylist()
    return found


def stored(settings: Settings, statement: Any) -> list[tuple[Any, ...]]:
    with postgres.connect(settings.postgres) as connection:
        return connection.execute(statement).fetchall()


def prepare(settings: Settings) -> None:
    """Four portfolios with the same holdings: one due, one not yet, one in another currency, one with limits that
    contradict each other."""
    policies = {
        DUE: (date(2022, 11, 30), Policy(aims=EQUAL)),
        LATER: (NEXT, Policy(aims=EQUAL)),
        EUROS: (DAY, Policy(aims=EQUAL)),
        UNSOLVABLE: (DAY, Policy(aims=dict.fromkeys(Regime, Aim(Objective.MIN_VARIANCE, max_weight=0.2)))),
    }
    with postgres.connect(settings.postgres) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO app.instrument (symbol, name, currency, exchange) VALUES (%s, %s, 'USD', 'XNYS')",
            [(symbol, symbol) for symbol in SYMBOLS],
        )
        for found, (due_on, policy) in policies.items():
            currency = "EUR" if found == EUROS else "USD"
            cursor.execute(
                "INSERT INTO app.account (id, owner_id, name, base_currency) VALUES (%s, %s, %s, %s)",
                (found, SYSTEM_USER, f"account {found.int}", currency),
            )
            cursor.execute(
                "INSERT INTO app.portfolio (id, owner_id, account_id, name, description, base_currency) "
                "VALUES (%s, %s, %s, %s, '', %s)",
                (found, SYSTEM_USER, found, f"portfolio {found.int}", currency),
            )
            cursor.executemany(
                "INSERT INTO app.position (portfolio_id, symbol, quantity, reserved_quantity) VALUES (%s, %s, %s, %s)",
                [(found, symbol, units, RESERVED if symbol == "AAA" else 0) for symbol, units in HELD.items()],
            )
            told = document(policy)
            cursor.execute(
                "INSERT INTO app.rebalance_policy (portfolio_id, is_enabled, frequency, anchor_on, next_on, document) "
                "VALUES (%s, true, %s, %s, %s, %s)",
                (found, told["frequency"], due_on, due_on, Jsonb(told)),
            )


@pytest.fixture(scope="module")
def market(stack: Settings, database: PostgresSettings) -> Iterator[Settings]:
    """Three names with enough history, four portfolios, and the first proposals."""
    with lake_of_its_own(stack, database) as settings:
        days = sessions(2020, 2022, "XNYS")
        chosen = days[days <= np.datetime64(DAY)][-560:].tolist()
        moves = np.random.default_rng(11).normal(0.0003, 0.012, (560, len(SYMBOLS)))
        closes = np.round(100 * np.exp(moves.cumsum(axis=0)), 2)
        put(settings, RETURNS_DAILY, [row for i, s in enumerate(SYMBOLS) for row in returned(s, chosen, closes[:, i])])
        put(settings, FX_RATES, [rate_row(day, n) for n, day in enumerate(chosen)])
        prepare(settings)
        put(settings, POSITIONS, [held for portfolio in PORTFOLIOS for held in position_rows(portfolio)])
        yield settings


def returned(symbol: str, days: list[date], closes: FloatArray) -> Iterator[dict[str, Any]]:
    """Rows of gold.returns_daily_v1."""
    for n in range(1, len(days)):
        growth = closes[n] / closes[n - 1]
        yield {
            "business_year": days[n].year,
            "symbol": symbol,
            "business_date": days[n],
            "previous_date": days[n - 1],
            "currency": "USD",
            "close": Decimal(f"{closes[n]:.2f}"),
            "simple_return": growth - 1,
            "log_return": np.log(growth),
        }


def rate_row(day: date, number: int) -> dict[str, Any]:
    """A row of silver.fx_rates_v1, of dollars a euro."""
    rate = Decimal("1.1") + Decimal(number % 9) / 1000
    return {"base": "EUR", "quote": "USD", "as_of": day, "rate": rate, "provider": "test", "as_of_year": day.year}


def position_rows(portfolio: UUID) -> Iterator[dict[str, Any]]:
    """Rows of silver.positions_v1, of what `prepare` puts into the books."""
    for symbol, units in HELD.items():
        yield {
            "business_date": DAY,
            "portfolio_id": str(portfolio),
            "portfolio_name": f"portfolio {portfolio.int}",
            "base_currency": "EUR" if portfolio == EUROS else "USD",
            "symbol": symbol,
            "quantity": Decimal(units),
        }


@pytest.fixture(scope="module")
def proposed(market: Settings) -> Manifest:
    """The first run."""
    return run(REBALANCE, market)


def test_those_due_get_whole_lots_that_fit_the_cash_and_the_others_a_reason(
    market: Settings, proposed: Manifest
) -> None:
    found = {row["portfolio_id"]: row for row in rows(market, PROPOSALS)}
    assert set(found) == {str(DUE), str(EUROS), str(UNSOLVABLE)}
    assert proposed.counts[PROPOSALS.name] == 3
    due, rate = found[str(DUE)], float(rate_row(DAY, 559)["rate"])
    assert (due["status"], due["objective"]) == ("proposed", "equal_weight")
    assert due["cash_after_base"] >= 0
    assert due["drift_after"] < 0.02 < due["drift_before"]
    assert any("AAA: open orders keep 5 of 70 units" in reason for reason in json.loads(due["reasons"]))
    assert proposed.parameters["due"][0]["kept"] == {"AAA": "5"}
    assert (found[str(EUROS)]["status"], found[str(EUROS)]["base_currency"]) == ("proposed", "EUR")
    assert float(found[str(EUROS)]["value_base"] / due["value_base"]) == pytest.approx(1 / rate, rel=1e-4)
    assert found[str(UNSOLVABLE)]["status"] == "kept"
    assert "upper bound" in json.loads(found[str(UNSOLVABLE)]["reasons"])[0]
    traded = rows(market, TRADES)
    assert {trade["portfolio_id"] for trade in traded} == {str(DUE), str(EUROS)}
    assert all("paid in USD, at " in trade["note"] for trade in traded if trade["portfolio_id"] == str(EUROS))
    trades = [trade for trade in traded if trade["portfolio_id"] == str(DUE)]
    assert all(trade["quantity"] % 1 == 0 for trade in trades)
    spent = sum(
        (trade["notional_base"] if trade["side"] == "buy" else -trade["notional_base"]) + trade["cost_base"]
        for trade in trades
    )
    assert due["cash_before_base"] - spent == due["cash_after_base"]


def test_an_old_run_is_recomputed_bit_for_bit_though_the_policy_has_changed(
    market: Settings, proposed: Manifest
) -> None:
    with postgres.connect(market.postgres) as connection:
        connection.execute("UPDATE app.rebalance_policy SET document = jsonb_set(document, '{lot_size}', '10')")
    assert reproduce(REBALANCE, proposed.run_id, market, clock=CLOCK).reproduced
    with postgres.connect(market.postgres) as connection:
        connection.execute("UPDATE app.rebalance_policy SET document = jsonb_set(document, '{lot_size}', '1')")


def test_proposals_are_delivered_once_and_the_next_date_moves_on(market: Settings, proposed: Manifest) -> None:
    first = deliver(market)
    assert first.counts == {"app.proposal": 3, "written": 3}
    before = stored(market, "SELECT * FROM app.proposal ORDER BY id")
    assert deliver(market).counts == {"app.proposal": 3, "written": 0}
    assert stored(market, "SELECT * FROM app.proposal ORDER BY id") == before
    trades = stored(
        market,
        "SELECT t.symbol, t.quantity FROM app.proposal_trade AS t JOIN app.proposal AS p ON p.id = t.proposal_id "
        "ORDER BY p.portfolio_id, t.line",
    )
    wanted = sorted(rows(market, TRADES), key=lambda row: (row["portfolio_id"], row["line"]))
    assert trades == [(row["symbol"], row["quantity"]) for row in wanted]
    due = dict(stored(market, "SELECT portfolio_id, next_on FROM app.rebalance_policy"))
    assert due[DUE] == date(2022, 12, 30)  # the 30th of each month
    assert due[LATER] == NEXT


def test_a_day_that_was_delivered_is_proposed_again_alike(market: Settings, proposed: Manifest) -> None:
    deliver(market)
    with postgres.connect(market.postgres) as connection:
        connection.execute(
            "INSERT INTO app.allocation (portfolio_id, status, reason, asked_at, done_at, proposal_id) "
            "SELECT portfolio_id, 'ready', '', now(), now(), id FROM app.proposal"
        )
    named = stored(market, "SELECT portfolio_id, proposal_id FROM app.allocation ORDER BY portfolio_id")
    again = run(REBALANCE, market)
    assert again.counts == proposed.counts
    assert deliver(market).counts["written"] == 3
    states = stored(market, "SELECT portfolio_id, state, run_id FROM app.proposal ORDER BY portfolio_id")
    assert [row[1:] for row in states] == [("open", again.run_id)] * 3
    assert stored(market, "SELECT portfolio_id, proposal_id FROM app.allocation ORDER BY portfolio_id") == named


def test_what_was_never_proposed_is_not_delivered(market: Settings) -> None:
    with pytest.raises(NothingPublishedError):
        deliver(market, date(2022, 1, 3))
