"""Every function of the pinned engine was judged, and the lists name no other."""

import pytest

from lakehouse.local.clickhouse.policy import COMBINATORS, FUNCTIONS, REFUSED_FUNCTIONS, REFUSED_PREFIXES
from tests.factories.clickhouse_process import ClickHouseProcess

pytestmark = pytest.mark.integration

# Known to other builds of the engine only.
ELSEWHERE = {"catboostevaluate"}


def _names(clickhouse: ClickHouseProcess, query: str) -> set[str]:
    with clickhouse.client() as owner:
        return {str(name).lower() for (name,) in owner.query(query).result_rows}


def test_each_function_is_allowed_or_refused_and_not_both(clickhouse: ClickHouseProcess) -> None:
    engine = _names(clickhouse, "SELECT name FROM system.functions WHERE origin = 'System'")
    refused = {name for name in engine if name in REFUSED_FUNCTIONS or name.startswith(REFUSED_PREFIXES)}
    assert not refused & FUNCTIONS
    assert engine - FUNCTIONS - refused == set(), "judge these: functions.txt or REFUSED_FUNCTIONS"
    assert FUNCTIONS - engine == set()
    assert REFUSED_FUNCTIONS - engine == ELSEWHERE


def test_the_combinators_are_the_engines(clickhouse: ClickHouseProcess) -> None:
    engine = _names(clickhouse, "SELECT name FROM system.aggregate_function_combinators WHERE NOT is_internal")
    assert set(COMBINATORS) == engine
