"""The value at risk that the hot process's limits mean: the newest of each portfolio, by one method, of late."""

import asyncio
from datetime import date, timedelta
from uuid import UUID

import pytest

from lakehouse.stores.hot_var import newest_var
from lakehouse.stores.marts import Marts
from tests.factories.clickhouse_process import ClickHouseProcess

pytestmark = pytest.mark.integration

TODAY = date(2031, 5, 20)
FIRST, SECOND, OLD = (UUID(int=0xAB0 + number) for number in range(3))
INSERT = """
    INSERT INTO portfolio_risk_v1 (
        business_date, portfolio_id, portfolio_name, base_currency, method, confidence, horizon_days, value_base,
        var_base, es_base, convention, observations, scenarios, breaches, backtest_days, run_id
    ) VALUES ({day:Date32}, {owner:UUID}, 'of a test', 'USD', {method:String}, {confidence:Decimal(6, 5)}, 1, 1000,
              {var:Decimal(20, 2)}, {var:Decimal(20, 2)}, 'lower', 500, 500, 0, 0, 'run')
"""


def test_the_newest_of_each_portfolio_counts(clickhouse: ClickHouseProcess) -> None:
    rows = (
        (FIRST, 2, "historical", "0.99", "31.5"),
        (FIRST, 1, "historical", "0.99", "42.25"),
        (FIRST, 1, "historical", "0.95", "20"),
        (FIRST, 0, "parametric_normal", "0.99", "55"),
        (SECOND, 13, "historical", "0.99", "7"),
        (OLD, 15, "historical", "0.99", "9"),
    )
    with clickhouse.client() as owner:
        for portfolio, age, method, confidence, var in rows:
            day = TODAY - timedelta(days=age)
            names = {"owner": portfolio, "day": day, "method": method, "confidence": confidence, "var": var}
            owner.command(INSERT, parameters=names)

        found = asyncio.run(newest_var(Marts(clickhouse.settings.clickhouse, timeout_s=60.0), TODAY))
        owner.command("DELETE FROM portfolio_risk_v1 WHERE portfolio_name = 'of a test'")

    ours = {str(FIRST), str(SECOND), str(OLD)}
    assert {key: value for key, value in found.items() if key in ours} == {str(FIRST): 42.25, str(SECOND): 7.0}
