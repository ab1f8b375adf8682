"""The demo's risk report: what stress would do, and why the day went as it did, in words."""

from datetime import date
from decimal import Decimal
from io import StringIO

import pytest
from rich.console import Console

from lakehouse.cli.demo import risk_report
from lakehouse.cli.demo.result import ExplainedDay, PortfolioAnswer, RiskDetail, Stress

D = Decimal
BEFORE = date(2022, 12, 27)
STRESSED = (
    Stress("historical", "Outbreak of Covid-19", D("-340.10"), -0.3401, D("-350.00"), None, ""),
    Stress("historical", "Black Monday", None, None, None, None, "no closes of KO"),
    Stress("reverse", "A day that loses 10 % of the gross value", D("-100.00"), None, None, 7.46, ""),
)


def printed(detail: RiskDetail) -> str:
    text = StringIO()
    console = Console(file=text, width=120)
    risk_report.show(console, PortfolioAnswer("id", "Core", "USD", D(1000), (), detail), "2022-12-28")
    return text.getvalue()


def test_stress_is_a_table_and_what_is_unmeasured_says_why_and_is_no_zero() -> None:
    found = printed(RiskDetail(stress=STRESSED)).splitlines()
    (covid,) = (line.split() for line in found if "Covid" in line)
    assert covid[-5:] == ["Covid-19", "-340.10", "-34.0", "%", "-350.00"]
    assert "  Black Monday is unmeasured: no closes of KO" in found
    assert any("-100.00" in line and "7.5 daily deviations away" in line for line in found)
    assert not any("Gain since" in line for line in found)


@pytest.mark.parametrize(
    ("day", "told"),
    [
        (
            ExplainedDay(BEFORE, D("-12.30"), -0.0123, {"price": D("-14.30"), "fx": D(0), "new_trades": D(2)}, ""),
            "Gain since 2022-12-27: -12.30 (-1.2 %), of price -14.30, new trades +2.00",
        ),
        (ExplainedDay(BEFORE, D(0), None, {"price": D(0)}, ""), "Gain since 2022-12-27: +0.00, of nothing that moved"),
        (ExplainedDay(None, None, None, {}, "KO has no close"), "The day is unmeasured: KO has no close"),
    ],
)
def test_a_day_is_told_by_the_parts_that_moved(day: ExplainedDay, told: str) -> None:
    assert f"  {told}" in printed(RiskDetail(explained=day)).splitlines()
