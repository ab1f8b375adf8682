"""Weights on demand: who waits gets a proposal at the newest closes, or a reason; nobody is forgotten."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from psycopg.types.json import Jsonb

from lakehouse.clock import ManualClock
from lakehouse.construction.model import Objective
from lakehouse.construction.policy import Aim, Policy
from lakehouse.construction.policy_document import document
from lakehouse.construction.regime import Regime
from lakehouse.contracts.jobs import ALLOCATE_PORTFOLIOS
from lakehouse.contracts.tables.gold import RETURNS_DAILY
from lakehouse.domain.ids import SYSTEM_USER
from lakehouse.settings import MlflowSettings, PostgresSettings, Settings
from lakehouse.stores import postgres
from spark_jobs.allocate.job import NobodyWaits, NoCloses, allocate_portfolios
from spark_jobs.kit import life
from spark_jobs.kit.args import Request
from spark_jobs.kit.manifest import Manifest
from spark_jobs.kit.run import Steps
from spark_jobs.kit.sessions import sessions
from tests.factories.lake import lake_of_its_own, put
from tests.factories.ports import free_port

pytestmark = [pytest.mark.integration, pytest.mark.engines("s3")]

DAY, TODAY, ASKED = date(2022, 12, 28), date(2023, 1, 3), datetime(2023, 1, 3, 8, tzinfo=UTC)
CLOCK = ManualClock(datetime(2023, 1, 3, 10, tzinfo=UTC))
SYMBOLS = ("AAA", "BBB", "CCC", "DDD", "EEE")
AIMLESS, CAUTIOUS, OVERDUE, LATER, CONTRADICTED = tuple(UUID(int=i) for i in range(1, 6))


def run(settings: Settings, day: date = TODAY) -> Manifest:
    def work(session: life.Session) -> Manifest:
        return allocate_portfolios(session, Steps(CLOCK))

    return life.recorded(ALLOCATE_PORTFOLIOS, Request(day), settings, clock=CLOCK, work=work)


def stored(settings: Settings, statement: Any, *values: object) -> list[tuple[Any, ...]]:
    with postgres.connect(settings.postgres) as connection:
        return connection.execute(statement, values).fetchall()


def allocation(settings: Settings, portfolio: UUID) -> tuple[Any, ...]:
    [found] = stored(
        settings,
        """
        SELECT a.status, a.reason, p.status, p.regime_source, p.business_date FROM app.allocation AS a
        LEFT JOIN app.proposal AS p ON p.id = a.proposal_id WHERE a.portfolio_id = %s
        """,
        portfolio,
    )
    return found


def ask(settings: Settings, portfolio: UUID, at: datetime = ASKED) -> None:
    with postgres.connect(settings.postgres) as connection:
        connection.execute(
            """
            INSERT INTO app.allocation (portfolio_id, status, reason, asked_at) VALUES (%s, 'pending', '', %s)
            ON CONFLICT (portfolio_id) DO UPDATE
            SET status = 'pending', reason = '', asked_at = excluded.asked_at, done_at = NULL, proposal_id = NULL
            """,
            (portfolio, at),
        )


def prepare(settings: Settings) -> None:
    equal = dict.fromkeys(Regime, Aim(Objective.EQUAL_WEIGHT, cash=0.1))
    policies = {
        OVERDUE: (date(2022, 11, 30), Policy(aims=equal, universe=SYMBOLS)),
        LATER: (date(2023, 1, 31), Policy(aims=equal, universe=SYMBOLS)),
        CONTRADICTED: (
            date(2023, 1, 31),
            Policy(aims=dict.fromkeys(Regime, Aim(Objective.MIN_VARIANCE, max_weight=0.1)), universe=SYMBOLS),
        ),
    }
    with postgres.connect(settings.postgres) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO app.instrument (symbol, name, currency, exchange) VALUES (%s, %s, 'USD', 'XNYS')",
            [(symbol, symbol) for symbol in SYMBOLS],
        )
        for found in (AIMLESS, CAUTIOUS, *policies):
            cursor.execute(
                "INSERT INTO app.account (id, owner_id, name, base_currency) VALUES (%s, %s, %s, 'USD')",
                (found, SYSTEM_USER, f"account {found.int}"),
            )
            cursor.execute(
                "INSERT INTO app.portfolio (id, owner_id, account_id, name, description, base_currency) "
                "VALUES (%s, %s, %s, %s, '', 'USD')",
                (found, SYSTEM_USER, found, f"portfolio {found.int}"),
            )
            cursor.execute(
                "INSERT INTO app.position (portfolio_id, symbol, quantity) VALUES (%s, 'AAA', 100)", (found,)
            )
        for found, (due_on, policy) in policies.items():
            told = document(policy)
            cursor.execute(
                "INSERT INTO app.rebalance_policy (portfolio_id, is_enabled, frequency, anchor_on, next_on, document) "
                "VALUES (%s, true, %s, %s, %s, %s)",
                (found, told["frequency"], due_on, due_on, Jsonb(told)),
            )
        cursor.execute(
            "INSERT INTO app.objective (id, owner_id, portfolio_id, risk_tolerance, horizon_years, min_cash_weight, "
            "max_volatility, target_return, excluded_symbols, rebalancing_frequency, rebalances_on, note) "
            "VALUES (%s, %s, %s, 'conservative', 5, 0.3, 0.04, 0.9, '[\"EEE\"]', 'quarterly', %s, '')",
            (CAUTIOUS, SYSTEM_USER, CAUTIOUS, date(2022, 12, 1)),
        )


@pytest.fixture(scope="module")
def market(stack: Settings, database: PostgresSettings) -> Iterator[Settings]:
    """Five names with enough history, and five portfolios; no registry of models, whatever the stack has in its own."""
    nowhere = MlflowSettings(tracking_uri=f"http://127.0.0.1:{free_port()}")
    with lake_of_its_own(stack, database) as settings:
        prepare(settings)
        yield settings.model_copy(update={"mlflow": nowhere})


def closes(settings: Settings) -> None:
    days = sessions(2020, 2022, "XNYS")
    chosen = days[days <= np.datetime64(DAY)][-560:].tolist()
    moves = np.random.default_rng(11).normal(0.0003, 0.012, (560, len(SYMBOLS)))
    prices = np.round(100 * np.exp(moves.cumsum(axis=0)), 2)
    put(
        settings,
        RETURNS_DAILY,
        [
            {
                "business_year": chosen[n].year,
                "symbol": symbol,
                "business_date": chosen[n],
                "previous_date": chosen[n - 1],
                "currency": "USD",
                "close": Decimal(f"{prices[n, i]:.2f}"),
                "simple_return": prices[n, i] / prices[n - 1, i] - 1,
                "log_return": float(np.log(prices[n, i] / prices[n - 1, i])),
            }
            for i, symbol in enumerate(SYMBOLS)
            for n in range(1, len(chosen))
        ],
    )


def test_who_waits_is_not_forgotten_while_there_are_no_closes_and_is_answered_as_soon_as_there_are(
    market: Settings,
) -> None:
    for portfolio in (AIMLESS, CAUTIOUS, CONTRADICTED):
        ask(market, portfolio)
    with pytest.raises(NoCloses):
        run(market)
    assert allocation(market, CAUTIOUS)[0] == "pending"

    closes(market)
    done = run(market)

    assert dict(done.counts) == {"app.allocation": 4, "app.proposal": 3}
    status, reason, *_ = allocation(market, AIMLESS)
    assert status == "failed"
    assert "neither an objective nor a rebalance policy" in reason
    status, reason, *_ = allocation(market, CONTRADICTED)
    assert status == "failed"
    assert "upper bound" in reason
    # Overdue since November, though nobody asked; the one that is due in January is left alone.
    assert allocation(market, OVERDUE)[:3] == ("ready", "", "proposed")
    assert stored(market, "SELECT 1 FROM app.allocation WHERE portfolio_id = %s", LATER) == []


def test_an_objective_without_a_policy_is_kept_within_its_limits_and_says_who_told_the_regime(market: Settings) -> None:
    assert allocation(market, CAUTIOUS) == ("ready", "", "proposed", "rule:ma200_vol60", DAY)

    [(weights, volatility, reasons)] = stored(
        market,
        "SELECT weights, volatility_after, reasons FROM app.proposal WHERE portfolio_id = %s AND state = 'open'",
        CAUTIOUS,
    )
    assert 0.03 < volatility <= 0.041
    assert any("beyond the 4.0% of the objective" in reason for reason in reasons)
    assert any("does not meet the target of the objective, 90.0%" in reason for reason in reasons)
    after = {each["symbol"]: each["after"] for each in weights}
    assert after.get("EEE", 0.0) == 0.0
    assert max(after.values()) <= 0.2 + 0.01
    assert sum(after.values()) <= 0.7 + 0.01
    assert stored(market, "SELECT rebalances_on FROM app.objective WHERE portfolio_id = %s", CAUTIOUS) == [
        (date(2023, 3, 1),)
    ]


def test_a_run_that_finds_nobody_says_so_and_who_asks_again_gets_the_proposal_anew(market: Settings) -> None:
    with pytest.raises(NobodyWaits):
        run(market)

    before = stored(market, "SELECT id FROM app.proposal WHERE portfolio_id = %s", CAUTIOUS)
    ask(market, CAUTIOUS)
    run(market)

    assert allocation(market, CAUTIOUS)[0] == "ready"
    assert stored(market, "SELECT id FROM app.proposal WHERE portfolio_id = %s", CAUTIOUS) == before


def test_a_proposal_that_became_orders_is_not_replaced(market: Settings) -> None:
    with postgres.connect(market.postgres) as connection:
        connection.execute("UPDATE app.proposal SET confirmed_at = now() WHERE portfolio_id = %s", (CAUTIOUS,))
    before = stored(market, "SELECT id, run_id FROM app.proposal WHERE portfolio_id = %s", CAUTIOUS)
    ask(market, CAUTIOUS)

    run(market)

    status, reason, *_ = allocation(market, CAUTIOUS)
    assert status == "failed"
    assert "has become orders" in reason
    assert stored(market, "SELECT id, run_id FROM app.proposal WHERE portfolio_id = %s", CAUTIOUS) == before
