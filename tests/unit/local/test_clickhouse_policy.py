"""The allow-list on printed syntax trees, and trees that do not add up."""

import pytest

from lakehouse.clock import ManualClock
from lakehouse.local.clickhouse.errors import ClickHouseError
from lakehouse.local.clickhouse.limits import ANALYST_LIMITS, Quota, analyst_settings
from lakehouse.local.clickhouse.policy import MAX_DEPTH, Scope, judge, parse_tree

SCOPE = Scope(frozenset({"tidemark"}), "tidemark", frozenset({"url", "file", "numbers", "format"}))


def select_from(*source: str) -> str:
    """The tree of `SELECT * FROM <source>` as EXPLAIN AST prints it."""
    head = [
        "SelectWithUnionQuery (children 1)",
        " ExpressionList (children 1)",
        "  SelectQuery (children 2)",
        "   ExpressionList (children 1)",
        "    Asterisk",
        "   TablesInSelectQuery (children 1)",
        "    TablesInSelectQueryElement (children 1)",
        "     TableExpression (children 1)",
    ]
    return "\n".join([*head, *(f"      {line}" for line in source)]) + "\n"


@pytest.mark.parametrize("table", ["t", "tidemark.t", "system.one", "information_schema.tables", "t (alias x)"])
def test_allowed_tables(table: str) -> None:
    judge(select_from(f"TableIdentifier {table}"), SCOPE)


@pytest.mark.parametrize(
    "source",
    [
        ("TableIdentifier private.t",),
        ("TableIdentifier system.processes",),
        ("TableIdentifier system.users (alias one)",),
        ("TableIdentifier default./etc/passwd",),
        ("Function url (children 1)", " ExpressionList"),
        ("Function URL (alias x) (children 1)", " ExpressionList"),
        ("Function somebodys_view (children 1)", " ExpressionList"),
        ("Function numbers (children 1)", " ExpressionList (children 1)", "  Function file (children 1)",
         "   ExpressionList"),
        ("Function numbers (children 1)", " ExpressionList (children 1)", "  Function in (children 1)",
         "   ExpressionList (children 2)", "    Identifier a", "    Identifier system.users"),
        ("Function numbers (children 1)", " ExpressionList (children 1)", "  Function globalNotIn (children 1)",
         "   ExpressionList (children 2)", "    Identifier a", "    Function url (children 1)", "     ExpressionList"),
        ("NodeOfANewerEngine",),
    ],
)  # fmt: skip
def test_refused_sources(source: tuple[str, ...]) -> None:
    with pytest.raises(ClickHouseError) as refused:
        judge(select_from(*source), SCOPE)
    assert refused.value.code == 497


@pytest.mark.parametrize(
    "dump",
    [
        "",
        "Literal 1\nLiteral 2\n",
        "ExpressionList (children 2)\n Literal 1\n",
        "ExpressionList (children 1)\n  Literal 1\n",
        "ExpressionList (children 1)\n Identifier a\n Identifier b\n",
        "ExpressionList (children 1)\n Identifier a (children 1)\n",
        "ExpressionList (children 1)\n Identifier a\nb\n",
    ],
)
def test_a_tree_that_does_not_add_up_is_refused(dump: str) -> None:
    with pytest.raises(ClickHouseError) as refused:
        parse_tree(dump)
    assert refused.value.code == 497


def test_a_tree_that_is_too_deep_is_refused_before_it_is_walked() -> None:
    lines = [" " * depth + "Subquery (children 1)" for depth in range(MAX_DEPTH + 5)]
    with pytest.raises(ClickHouseError) as refused:
        parse_tree("\n".join(lines))
    assert refused.value.code == 167


def test_limits_end_with_the_lock() -> None:
    settings = analyst_settings({"max_threads": "1"})
    assert list(settings)[-1] == "readonly"
    assert settings == {**ANALYST_LIMITS, "max_threads": "1", "readonly": "1"}


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [("readonly", "0", 164), ("max_memory_usage", "1", 164), ("max_execution_time", "31", 452),
     ("max_execution_time", "0", 452), ("max_result_rows", "-1", 452), ("max_threads", "1e9", 452)],
)  # fmt: skip
def test_wishes_beyond_the_limits_are_refused(name: str, value: str, code: int) -> None:
    with pytest.raises(ClickHouseError) as refused:
        analyst_settings({name: value})
    assert refused.value.code == code


def test_the_quota_counts_starts_and_places() -> None:
    clock = ManualClock()
    quota = Quota(clock, queries=3, interval_s=60, at_once=1)
    with quota.admit(), pytest.raises(ClickHouseError) as at_once:
        quota.enter()
    for _ in range(2):
        quota.enter()
        quota.leave()
    with pytest.raises(ClickHouseError) as too_often:
        quota.enter()
    clock.sleep(61)
    with quota.admit():
        pass
    assert (at_once.value.code, too_often.value.code) == (202, 201)
