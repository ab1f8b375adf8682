"""Every worked question of docs/sql, asked by the analyst, against the same answer computed without SQL."""

import datetime as dt
import math
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial

import numpy as np
import pandas as pd
import pytest

from lakehouse.clock import SystemClock
from lakehouse.migrations.clickhouse import upgrade
from lakehouse.settings import project_root
from lakehouse.stores.analyst import Analyst
from tests.factories.analyst_marts import PORTFOLIOS, SYMBOLS, Marts
from tests.factories.analyst_strategies import beaten, believable, fallen
from tests.factories.analyst_stress import explained_now, stressed_now
from tests.factories.clickhouse_process import ClickHouseProcess, clickhouse_process

pytestmark = pytest.mark.integration

QUESTIONS = {path.stem: path for path in sorted((project_root() / "docs" / "sql").glob("*.sql"))}
MARTS = Marts()
EXPECTED: dict[str, Callable[[], pd.DataFrame]] = {}
HISTORICAL_99 = "method == 'historical' and confidence == 0.99 and horizon_days == 1"


def expects(name: str) -> Callable[[Callable[[], pd.DataFrame]], Callable[[], pd.DataFrame]]:
    """The decorated function computes the whole answer to the question of that name, columns and order included."""

    def keep(answer: Callable[[], pd.DataFrame]) -> Callable[[], pd.DataFrame]:
        EXPECTED[name] = answer
        return answer

    return keep


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseProcess]:
    """A migrated server that holds MARTS."""
    with clickhouse_process(tmp_path_factory.mktemp("questions")) as running:
        upgrade(running.settings)
        with running.client(database=running.section.database) as owner:
            MARTS.load(owner)
        yield running


def rows_of(name: str, *, newest: bool = True) -> pd.DataFrame:
    """Rows of a mart, its decimals as floats beside exact text in NAME_exact."""
    frame = pd.DataFrame(MARTS.newest(name) if newest else MARTS.rows[name])
    for column in frame:
        if frame[column].map(lambda value: isinstance(value, Decimal)).all():
            frame[f"{column}_exact"] = frame[column]
            frame[column] = frame[column].astype(float)
    return frame


@expects("01-riskiest-portfolios")
def riskiest() -> pd.DataFrame:
    risk = rows_of("gold.portfolio_risk_v1").query(HISTORICAL_99)
    risk["share_of_value"] = risk["var_base"] / risk["value_base"]
    risk = risk.sort_values("share_of_value", ascending=False)
    return _named(
        risk,
        portfolio_name="portfolio_name",
        base_currency="base_currency",
        value_base="value_base_exact",
        var_99="var_base_exact",
        es_99="es_base_exact",
        share_of_value="share_of_value",
    )


@expects("02-do-methods-agree")
def methods() -> pd.DataFrame:
    found = []
    for (name, currency), risk in (
        rows_of("gold.portfolio_risk_v1")
        .query("confidence == 0.99 and horizon_days == 1")
        .groupby(["portfolio_name", "base_currency"])
    ):
        least, greatest = risk.sort_values("var_base").iloc[[0, -1]].itertuples()
        found.append(
            {
                "portfolio_name": name,
                "base_currency": currency,
                "mildest_method": least.method,
                "least_var": least.var_base_exact,
                "harshest_method": greatest.method,
                "greatest_var": greatest.var_base_exact,
                "spread": greatest.var_base / least.var_base - 1,
            }
        )
    return pd.DataFrame(found).sort_values("spread", ascending=False)


@expects("03-what-changed-since-yesterday")
def changed() -> pd.DataFrame:
    both = rows_of("gold.portfolio_risk_v1", newest=False).query(HISTORICAL_99).sort_values("business_date")
    found = []
    for portfolio in PORTFOLIOS:
        before, now = (row for _, row in both[both["portfolio_name"] == portfolio.name].iterrows())
        found.append(
            {
                "portfolio_name": portfolio.name,
                "base_currency": portfolio.currency,
                "previous_date": before["business_date"],
                "business_date": now["business_date"],
                "value_change_base": now["value_base_exact"] - before["value_base_exact"],
                "var_change_base": now["var_base_exact"] - before["var_base_exact"],
                "value_change": now["value_base"] / before["value_base"] - 1,
                "var_change": now["var_base"] / before["var_base"] - 1,
            }
        )
    return pd.DataFrame(found).sort_values("var_change", ascending=False, key=abs)


@expects("04-risk-over-time")
def over_time() -> pd.DataFrame:
    risk = rows_of("gold.portfolio_risk_v1", newest=False).query(HISTORICAL_99)
    risk = risk.sort_values(["portfolio_name", "business_date"])
    risk["share_of_value"] = risk["var_base"] / risk["value_base"]
    risk["change"] = risk.groupby("portfolio_name")["share_of_value"].diff()
    return risk[["portfolio_name", "business_date", "share_of_value", "change"]]


@expects("05-worst-breaches")
def breaches() -> pd.DataFrame:
    days = _forecasts().query("is_breach and confidence == 0.99")
    days["loss_base"] = -days["pnl_base_exact"]
    days["excess_base"] = days["loss_base"] - days["var_base_exact"]
    days["times_forecast"] = -days["pnl_base"] / days["var_base"]
    days["var_base"] = days["var_base_exact"]
    days = days.sort_values(["times_forecast", "portfolio_name", "method"], ascending=[False, True, True]).head(5)
    return days[
        ["portfolio_name", "base_currency", "forecast_date", "method", "var_base", "loss_base", "excess_base",
         "times_forecast"]
    ]  # fmt: skip


@expects("06-is-the-forecast-honest")
def honest() -> pd.DataFrame:
    days = _forecasts().groupby(["portfolio_name", "method", "confidence_exact"])["is_breach"]
    found = days.agg(days="size", breaches="sum").reset_index().rename(columns={"confidence_exact": "confidence"})
    found["expected"] = found["days"] * (1 - found["confidence"].astype(float))
    found["rate"] = found["breaches"] / found["days"]
    return found


@expects("07-traffic-light")
def traffic_light() -> pd.DataFrame:
    tests = rows_of("gold.var_backtest_tests_v1").query("zone != 'green'")
    tests["is_number_rejected"] = tests["pof_p_value"] < 0.05
    tests["confidence"] = tests["confidence_exact"]
    tests = tests.sort_values(
        ["multiplier", "portfolio_name", "method", "confidence"], ascending=[False, True, True, True]
    )
    return tests[
        ["portfolio_name", "method", "confidence", "zone", "breaches", "expected_breaches", "multiplier",
         "is_number_rejected", "pof_p_value"]
    ]  # fmt: skip


@expects("08-where-risk-comes-from")
def comes_from() -> pd.DataFrame:
    parts = rows_of("gold.component_risk_v1").query(f"grouping == 'instrument' and {HISTORICAL_99}")
    parts = parts.assign(portfolio_name=_portfolio_name)
    whole = rows_of("gold.portfolio_risk_v1").query(HISTORICAL_99).set_index("portfolio_name")["var_base"]
    gross = parts.groupby("portfolio_name")["exposure_base"].transform(lambda values: values.abs().sum())
    parts["share_of_var"] = parts["component_var_base"] / parts["portfolio_name"].map(whole)
    parts["share_of_exposure"] = parts["exposure_base"] / gross
    parts = parts.sort_values(["portfolio_name", "component_var_base"], ascending=[True, False])
    return _named(
        parts,
        portfolio_name="portfolio_name",
        base_currency="base_currency",
        symbol="group_name",
        exposure_base="exposure_base_exact",
        component_var_base="component_var_base_exact",
        share_of_var="share_of_var",
        share_of_exposure="share_of_exposure",
    )


@expects("09-days-that-would-hurt")
def hurt() -> pd.DataFrame:
    last, found = len(MARTS.dates) - 1, []
    for portfolio in sorted(PORTFOLIOS, key=lambda each: each.id):
        losses = sorted(zip(-MARTS.pnl(portfolio, last), MARTS.dates[1:], strict=True), reverse=True)
        found += [
            (portfolio.id, portfolio.currency, place, day, Decimal(f"{loss:.2f}"))
            for place, (loss, day) in enumerate(losses[:3], start=1)
        ]
    return pd.DataFrame(found, columns=["portfolio_id", "base_currency", "place", "scenario_date", "loss_base"])


@expects("10-concentration")
def concentration() -> pd.DataFrame:
    found = []
    for portfolio in PORTFOLIOS:
        sizes = np.abs(np.array(portfolio.units) * MARTS.closes.to_numpy()[-1])
        returns = MARTS.pnl(portfolio, len(MARTS.dates) - 1) / sizes.sum()
        hhi = float((sizes**2).sum() / sizes.sum() ** 2)
        volatility = float(np.std(returns, ddof=1)) * math.sqrt(252)
        found.append((portfolio.name, len(SYMBOLS), hhi, 1 / hhi, 1 / hhi / len(SYMBOLS), volatility))
    columns = ["portfolio_name", "holdings", "hhi", "effective_holdings", "evenness", "volatility"]
    return pd.DataFrame(found, columns=columns).sort_values("evenness")


@expects("11-best-and-worst-days")
def best_and_worst() -> pd.DataFrame:
    returns = MARTS.closes.pct_change().dropna()
    best, worst = returns.idxmax(), returns.idxmin()
    return pd.DataFrame(
        [
            (symbol, len(returns), best[symbol].date(), returns[symbol].max(), worst[symbol].date(),
             returns[symbol].min())
            for symbol in sorted(SYMBOLS)
        ],
        columns=["symbol", "days", "best_date", "best_return", "worst_date", "worst_return"],
    )  # fmt: skip


@expects("12-monthly-returns")
def monthly() -> pd.DataFrame:
    returns = MARTS.closes.pct_change().dropna()
    found = []
    for symbol in sorted(SYMBOLS):
        for month, days in returns[symbol].groupby(returns.index.to_period("M")):
            found.append((symbol, month.start_time.date(), len(days), float((1 + days).prod() - 1)))
    return pd.DataFrame(found, columns=["symbol", "month", "days", "monthly_return"])


@expects("13-volatility")
def volatility() -> pd.DataFrame:
    logs = np.log(MARTS.closes).diff().dropna()
    yearly = [logs.iloc[-60:].std() * math.sqrt(252), logs.iloc[:-60].std() * math.sqrt(252)]
    found = pd.DataFrame({"volatility_60": yearly[0], "volatility_before": yearly[1], "ratio": yearly[0] / yearly[1]})
    return found.rename_axis("symbol").reset_index().sort_values("ratio", ascending=False)


@expects("14-correlation")
def correlation() -> pd.DataFrame:
    logs = np.log(MARTS.closes).diff().dropna()
    found = [
        (one, other, len(logs), float(np.corrcoef(logs[one], logs[other])[0, 1]))
        for one in SYMBOLS
        for other in SYMBOLS
        if one < other
    ]
    columns = ["first_symbol", "second_symbol", "days", "correlation"]
    return pd.DataFrame(found, columns=columns).sort_values("correlation", ascending=False)


@expects("15-intraday-volume")
def intraday() -> pd.DataFrame:
    found = []
    for (symbol, day), bars in rows_of("gold.bars_1m_v1", newest=False).groupby(["symbol", "event_date"]):
        traded = bars[bars["volume"] > 0]
        busiest = bars.sort_values(["volume", "bar_start"], ascending=[False, True]).iloc[0]
        vwap = float(np.average(traded["vwap"], weights=traded["volume"]))
        found.append((symbol, day, bars["trade_count"].sum(), bars["volume"].sum(), vwap, busiest["bar_start"]))
    return pd.DataFrame(found, columns=["symbol", "event_date", "trades", "units", "average_price", "busiest_minute"])


@expects("16-what-rebalancing-brings")
def rebalancing() -> pd.DataFrame:
    found = rows_of("gold.rebalance_proposals_v1").query("status == 'proposed'")
    found["cost_bps"] = found["cost_base"] / found["value_base"] * 10_000
    found["var_change"] = found["var_99_after"] - found["var_99_before"]
    found = found.assign(cost_base=found["cost_base_exact"], tax_base=found["tax_base_exact"])
    return found.sort_values("cost_bps", ascending=False)[
        ["portfolio_name", "base_currency", "trade_count", "turnover", "drift_before", "drift_after", "cost_base",
         "tax_base", "cost_bps", "var_change"]
    ]  # fmt: skip


@expects("17-net-trades")
def net_trades() -> pd.DataFrame:
    last, found = len(MARTS.dates) - 1, []
    for portfolio in PORTFOLIOS:
        for symbol, side, units, notional in MARTS.trades(portfolio, last):
            is_buy = side == "buy"
            signed = notional if is_buy else -notional
            bought, sold = (Decimal(units), Decimal(0)) if is_buy else (Decimal(0), Decimal(units))
            found.append((symbol, portfolio.currency, bought, sold, bought - sold, signed))
    columns = ["symbol", "base_currency", "bought", "sold", "net_units", "net_notional"]
    return pd.DataFrame(found, columns=columns).sort_values(["symbol", "base_currency"])


@expects("20-how-fresh")
def freshness() -> pd.DataFrame:
    now = SystemClock().now()
    told = [
        ("gold.returns_daily_v1", "2020", 2, 900 + 1000, dt.datetime(2020, 4, 1, 2, tzinfo=dt.UTC)),
        ("gold.portfolio_risk_v1", "2020-03-31", 2, 8 + 9, dt.datetime(2020, 4, 1, 3, tzinfo=dt.UTC)),
    ]
    columns = ["table_name", "newest_partition", "partitions", "rows_loaded", "last_loaded_at", "age_hours"]
    return pd.DataFrame([(*row, (now - row[-1]).total_seconds() / 3600) for row in told], columns=columns)


EXPECTED["21-what-crises-would-do"] = partial(stressed_now, MARTS, PORTFOLIOS)
EXPECTED["22-why-the-day-went-so"] = partial(explained_now, MARTS, *PORTFOLIOS)
EXPECTED["18-strategies-to-believe"] = partial(believable, MARTS)
EXPECTED["19-deepest-drawdown"] = partial(fallen, MARTS)
EXPECTED["23-beating-the-benchmark"] = partial(beaten, MARTS)


def test_every_question_has_its_answer() -> None:
    assert len(QUESTIONS) == 23
    assert list(QUESTIONS) == sorted(EXPECTED)


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_is_answered_right(server: ClickHouseProcess, name: str) -> None:
    expected = EXPECTED[name]()
    assert len(expected) > 0
    with Analyst(server.section) as analyst:
        found = analyst.rows(QUESTIONS[name].read_text(encoding="utf-8"))
    assert list(found[0]) == list(expected.columns)
    wanted = [dict(row) for row in expected.to_dict("records")]
    assert [_shown(row) for row in found] == [_approximately(row) for row in wanted]


def test_questions_read_views_that_exist_and_no_tables(server: ClickHouseProcess) -> None:
    with Analyst(server.section) as analyst:
        views = {row["name"] for row in analyst.rows("SELECT name FROM system.tables WHERE engine = 'View'")}
    for path in QUESTIONS.values():
        text = path.read_text(encoding="utf-8")
        local = set(re.findall(r"(\w+) AS\s*\(", text))
        read = set(re.findall(r"\b(?:FROM|JOIN)\s+(\w+)", text)) - local
        assert read, path.name
        assert read <= views, path.name


def _forecasts() -> pd.DataFrame:
    frame = rows_of("gold.var_backtest_v1").assign(portfolio_name=_portfolio_name)
    currencies = {portfolio.name: portfolio.currency for portfolio in PORTFOLIOS}
    return frame.assign(base_currency=frame["portfolio_name"].map(currencies))


def _portfolio_name(frame: pd.DataFrame) -> pd.Series:
    return frame["portfolio_id"].map({portfolio.id: portfolio.name for portfolio in PORTFOLIOS})


def _named(frame: pd.DataFrame, **columns: str) -> pd.DataFrame:
    """The columns of `frame` that are named, under new names."""
    return pd.DataFrame({name: frame[source] for name, source in columns.items()})


def _shown(row: dict[str, object]) -> dict[str, object]:
    """A row of ClickHouse's: instants with their zone, as both sides have them."""
    return {
        name: value.replace(tzinfo=dt.UTC) if isinstance(value, dt.datetime) else value for name, value in row.items()
    }


def _approximately(row: dict[object, object]) -> dict[object, object]:
    """Floats to a part in a thousand million (ages to minutes, since two clocks are read); the rest to the letter."""
    found: dict[object, object] = {}
    for name, value in row.items():
        if name == "age_hours":
            found[name] = pytest.approx(value, abs=0.1)
        elif isinstance(value, float):
            found[name] = None if math.isnan(value) else pytest.approx(value, rel=1e-9, abs=1e-12)
        else:
            found[name] = value
    return found
