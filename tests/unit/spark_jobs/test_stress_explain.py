"""The job's pure parts: a day folded and explained, windows with and without data, and rows that say why not."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from lakehouse.contracts.render.arrow import schema
from lakehouse.contracts.tables.stress import PARTS, PNL_EXPLAIN, STRESS
from lakehouse.portfolio.fx import Quoted, Rates
from lakehouse.portfolio.transactions import Kind
from lakehouse.risk.pnl_explain import Part
from lakehouse.risk.scenarios import WINDOWS, Hypothetical, Shock, Target, Window, uniform
from spark_jobs.kit.holdings import Copied, Held, Unmeasured, valued
from spark_jobs.stress_explain.day import COPY, UNDONE, Day, Item, explained
from spark_jobs.stress_explain.explain import explain_rows
from spark_jobs.stress_explain.market import Close, TwoCloses
from spark_jobs.stress_explain.parameters import Booked, Fact, Scenarios, booked, scenarios
from spark_jobs.stress_explain.past import Market, Past, Series, mean_of_all, series_of
from spark_jobs.stress_explain.stress import stress_rows

D = Decimal
DAY, BEFORE = date(2022, 12, 28), date(2022, 12, 27)
EURO = Rates([Quoted("EUR", "USD", BEFORE, D("1.10")), Quoted("EUR", "USD", DAY, D("1.08"))])
CRASH = Window("crash", "A crash", date(2020, 2, 19), date(2020, 2, 24), "made up")


def market(prices: dict[str, tuple[str, str]], *, currency: str = "USD", **more: Any) -> TwoCloses:
    before = {name: Close(BEFORE, D(pair[0]), currency) for name, pair in prices.items() if pair[0]}
    after = {name: Close(DAY, D(pair[1]), currency) for name, pair in prices.items() if pair[1]}
    return TwoCloses(BEFORE, DAY, before, after, more.get("rates", EURO), more.get("multipliers", {}))


def fact(kind: Kind, symbol: str = "", quantity: str = "0", price: str = "0", **more: Any) -> Fact:
    told = {"currency": "USD", **more}
    return Fact(kind=kind, symbol=symbol, quantity=D(quantity), price=D(price), **told)


def by_name(items: tuple[Item, ...]) -> dict[str, dict[str, int]]:
    """Parts that are not zero, by item."""
    return {
        item.explained.name: {part.value: minor for part, minor in item.explained.parts.items() if minor}
        for item in items
    }


class TestDay:
    def test_a_price_moves_what_was_held_and_a_trade_what_was_traded(self) -> None:
        facts = (
            fact(Kind.BUY, "AAA", "10", "51", cash_minor=-51_199, charges_minor=199),
            fact(Kind.SELL, "AAA", "40", "52.5"),
            fact(Kind.DIVIDEND, "AAA", gross_minor=1_234),
        )
        day = Day("USD", {"AAA": D(100)}, {"AAA": D(70)}, facts)
        found = explained(day, market({"AAA": ("50", "52")}))
        assert by_name(found) == {"AAA": {"price": 20_000, "new_trades": 3_000, "income": 1_234, "fees": -199}}
        assert (found[0].before, found[0].after) == (500_000, 364_000)

    def test_without_a_copy_of_the_close_before_trades_are_undone(self) -> None:
        day = Day("USD", None, {"AAA": D(110)}, (fact(Kind.BUY, "AAA", "10", "51"),))
        assert day.basis == UNDONE
        found = explained(day, market({"AAA": ("50", "52")}))
        assert by_name(found) == {"AAA": {"price": 20_000, "new_trades": 1_000}}

    def test_units_that_no_transaction_brought_are_unexplained(self) -> None:
        day = Day("USD", {"AAA": D(100)}, {"AAA": D(103)})
        assert day.basis == COPY
        (item,) = explained(day, market({"AAA": ("50", "52")}))
        assert by_name((item,)) == {"AAA": {"price": 20_000, "unexplained": 15_600}}
        assert item.explained.total == item.after - item.before

    def test_a_split_is_no_loss_and_what_is_spun_off_no_gain(self) -> None:
        split = Day("USD", {"AAA": D(30)}, {"AAA": D(90)}, (fact(Kind.SPLIT, "AAA", ratio=D(3)),))
        assert by_name(explained(split, market({"AAA": ("30", "10")}))) == {"AAA": {}}
        spun = fact(Kind.SPIN_OFF, "AAA", ratio=D("0.5"), related_symbol="NEW")
        day = Day("USD", {"AAA": D(10)}, {"AAA": D(10), "NEW": D(5)}, (spun,))
        found = explained(day, market({"AAA": ("30", "26"), "NEW": ("", "8")}))
        assert by_name(found) == {"AAA": {"price": -4_000}, "NEW": {"new_trades": 4_000}}
        with pytest.raises(Unmeasured, match="split or spin-off"):
            explained(Day("USD", None, day.after, day.facts), market({"AAA": ("30", "26")}))

    def test_units_that_are_transferred_bring_no_gain(self) -> None:
        day = Day("USD", {}, {"AAA": D(5)}, (fact(Kind.TRANSFER_IN, "AAA", "5", "20"),))
        (item,) = explained(day, market({"AAA": ("", "52")}))
        assert (item.explained.total, item.before, item.after) == (0, 0, 26_000)

    def test_another_currency_moves_prices_and_cash(self) -> None:
        held = Day("USD", {"AAA": D(100)}, {"AAA": D(100)}, cash={"EUR": 100_050})
        found = explained(held, market({"AAA": ("50", "52")}, currency="EUR"))
        assert by_name(found) == {"AAA": {"price": 22_000, "fx": -10_400}, "EUR": {"fx": -2_001}}
        assert [item.is_cash for item in found] == [False, True]

    def test_a_conversion_gains_what_it_brought_beyond_the_day_s_rate(self) -> None:
        sold = fact(Kind.CONVERSION, currency="EUR", gross_minor=10_000, cash_minor=-10_000, to_currency="USD",
                    to_minor=11_000)  # fmt: skip
        found = explained(Day("USD", {}, {}, (sold,), {"EUR": 10_000}), market({}))
        assert by_name(found) == {"EUR": {"fx": -200, "new_trades": 200}}
        assert (found[0].before, found[0].after) == (11_000, 0)
        bought = fact(Kind.CONVERSION, gross_minor=11_000, cash_minor=-11_000, to_currency="EUR", to_minor=10_000)
        assert by_name(explained(Day("USD", {}, {}, (bought,)), market({}))) == {"EUR": {"new_trades": -200}}

    def test_interest_and_fees_of_the_account_are_cash_and_a_deposit_is_no_gain(self) -> None:
        facts = (
            fact(Kind.DEPOSIT, gross_minor=100_000, cash_minor=100_000),
            fact(Kind.INTEREST, gross_minor=500, cash_minor=450, charges_minor=50),
            fact(Kind.FEE, gross_minor=75, cash_minor=-75),
        )
        assert by_name(explained(Day("USD", {}, {}, facts), market({}))) == {"USD": {"income": 500, "fees": -125}}

    @pytest.mark.parametrize(
        ("day", "words"),
        [
            (Day("USD", {"ZZZ": D(1)}, {"ZZZ": D(1)}), "ZZZ has no close of 2022-12-28"),
            (Day("USD", {"NEW": D(1)}, {"NEW": D(1)}), "NEW has no close of 2022-12-27"),
            (Day("GBP", {"AAA": D(1)}, {"AAA": D(1)}), "no rate of USD to GBP of 2022-12-28"),
            (Day("KWD", {"AAA": D(1)}, {"AAA": D(1)}), "more than 2 decimals"),
        ],
    )
    def test_what_is_missing_is_named(self, day: Day, words: str) -> None:
        with pytest.raises(Unmeasured, match=words):
            explained(day, market({"AAA": ("50", "52"), "NEW": ("", "8")}))


class TestExplainRows:
    def test_rows_are_the_contract_s_and_parts_sum_to_the_total(self) -> None:
        one = Copied("p1", "One", "USD", {"AAA": D("3.5"), "BBB": D(-2)})
        gone = Copied("p2", "Gone", "USD", {"AAA": D(1)})
        lost = Copied("p3", "Lost", "USD", {"ZZZ": D(1)})
        told = Booked(BEFORE, {"p2": (fact(Kind.SELL, "AAA", "1", "51"),)}, {}, EURO, {})
        before, after = {"p1": one, "p2": gone, "p3": lost}, {"p1": one, "p3": lost}
        prices = market({"AAA": ("50.005", "52"), "BBB": ("10", "9")})
        rows = list(explain_rows(before, after, prices, told))
        told_rows = pa.Table.from_pylist([{**row, "business_date": DAY, "run_id": "r"} for row in rows],
                                         schema(PNL_EXPLAIN)).to_pylist()  # fmt: skip
        assert [(row["portfolio_id"], row["item"]) for row in told_rows] == [
            ("p1", "AAA"), ("p1", "BBB"), ("p2", "AAA"), ("p3", ""),
        ]  # fmt: skip
        for row in told_rows[:3]:
            assert row["total_base"] == sum(row[f"{part}_base"] for part in PARTS)
            assert (row["basis"], row["reason"]) == (COPY, "")
        assert told_rows[2]["value_after_base"] == 0
        assert told_rows[3]["total_base"] is told_rows[3]["value_before_base"] is None
        assert "ZZZ has no close" in told_rows[3]["reason"]

    def test_nobody_copied_the_close_before(self) -> None:
        one = Copied("p1", "One", "USD", {"AAA": D(2)})
        (row,) = explain_rows({}, {"p1": one}, market({"AAA": ("50", "52")}), Booked(BEFORE, {}, {}, EURO, {}))
        assert (row["basis"], row["total_base"], row["price_base"]) == (UNDONE, D("4.00"), D("4.00"))


def walk(moves: list[float], first: date = CRASH.first) -> Series:
    """Returns on consecutive days after `first`, with a bar before."""
    days = np.array([first + timedelta(days=n) for n in range(-1, len(moves))], dtype="datetime64[D]")
    before = np.array([day - timedelta(days=1) for day in days.tolist()], dtype="datetime64[D]")
    return Series(days, before, np.array([0.0, *moves]))


def held(**units: int) -> Held:
    prices = dict.fromkeys(units, ("100", "100"))
    return valued([Copied("p", "P", "USD", {symbol: D(n) for symbol, n in units.items()})], market(prices).worth)


def rows_of(book: Held, returns: dict[str, Series], *tried: Hypothetical) -> dict[str, dict[str, Any]]:
    found = stress_rows(book, Past(returns), Scenarios((CRASH,), tried, 0.1, 500))
    rows = pa.Table.from_pylist([{**row, "business_date": DAY, "run_id": "r"} for row in found], schema(STRESS))
    return {row["scenario"]: row for row in rows.to_pylist()}


class TestStress:
    def test_a_window_is_held_through_and_its_lowest_close_is_dated(self) -> None:
        returns = {"AAA": walk([0.0, -0.5, 0.0, 0.2, 0.0, 0.0]), "BBB": walk([0.0, 0.0, 0.1, 0.0, 0.0, 0.0])}
        row = rows_of(held(AAA=10, BBB=-5), returns)["crash"]
        # 1,000 x (0.5 x 1.2 - 1) - 500 x 0.1; worst on the third day: -500 - 50.
        assert (row["pnl_base"], row["worst_base"]) == (D("-450.00"), D("-550.00"))
        assert (row["worst_date"], row["first_date"], row["last_date"]) == (date(2020, 2, 21), CRASH.first, CRASH.last)
        assert (row["detail"], row["value_base"]) == ("AAA -400.00, BBB -50.00", D("500.00"))

    @pytest.mark.parametrize(
        "returns",
        [
            {},
            {"AAA": walk([0.0] * 6)},
            {"AAA": walk([0.0] * 6), "BBB": walk([0.0] * 6, first=CRASH.last)},
            {"AAA": walk([0.0] * 6), "BBB": walk([0.0, 0.0])},
            {"AAA": walk([0.0] * 6), "BBB": walk([0.0] * 6, first=date(2019, 2, 19))},
        ],
        ids=["no data at all", "one lacks all", "one begins later", "one ends early", "one is of another year"],
    )
    def test_a_window_without_data_is_unmeasured_with_a_reason_and_never_zero(self, returns: dict[str, Series]) -> None:
        short = {name: _cut(series) if len(series.days) == 3 else series for name, series in returns.items()}
        row = rows_of(held(AAA=10, BBB=5), short)["crash"]
        assert row["pnl_base"] is row["worst_base"] is row["worst_date"] is None
        assert "BBB from 2020-02-19 to 2020-02-24 in the lake" in row["reason"]

    def test_a_hole_in_a_window_is_no_history(self) -> None:
        series = walk([0.0, -0.5, 0.0, 0.2, 0.0, 0.0])
        keep = np.array([0, 1, 3, 4, 5, 6])
        holed = Series(series.days[keep], series.after[keep], series.returns[keep])
        assert rows_of(held(AAA=10), {"AAA": holed})["crash"]["pnl_base"] is None

    def test_a_portfolio_s_number_does_not_depend_on_what_others_hold(self) -> None:
        aaa = walk([0.0, -0.5, 0.0, 0.2, 0.0, 0.0])
        gap = np.array([0, 1, 2, 4, 5, 6])
        moved = aaa.after[gap]
        moved[3] = aaa.days[2]
        rare = Series(aaa.days[gap], moved, aaa.returns[gap])
        prices = {"AAA": ("100", "100"), "BBB": ("100", "100")}
        alone = Copied("p", "P", "USD", {"AAA": D(10)})
        other = Copied("q", "Q", "USD", {"BBB": D(10)})
        returns = {"AAA": aaa, "BBB": rare}
        one = next(stress_rows(valued([alone], market(prices).worth), Past(returns), Scenarios((CRASH,), ())))
        both = next(stress_rows(valued([alone, other], market(prices).worth), Past(returns), Scenarios((CRASH,), ())))
        assert one == both

    def test_shocks_hurt_longs_help_shorts_and_none_is_nothing(self) -> None:
        tried = (uniform("down", "", -0.2), uniform("still", "", 0.0),
                 Hypothetical("one", "", (Shock(Target.SYMBOL, -0.5, "BBB"),)))  # fmt: skip
        found = rows_of(held(AAA=10, BBB=-5), {}, *tried)
        assert [found[name]["pnl_base"] for name in ("down", "still", "one")] == [D("-100.00"), D("0.00"), D("250.00")]
        assert (found["still"]["detail"], found["one"]["detail"]) == ("", "")

    def test_a_shock_of_a_sector_reaches_what_is_of_it_and_the_others_by_the_rest(self) -> None:
        shocks = (Shock(Target.ALL, -0.1), Shock(Target.SECTOR, -0.5, "Energy"), Shock(Target.SECTOR, 0.9, "Utilities"))
        tried = Scenarios((), (Hypothetical("oil", "", shocks),), sectors={"AAA": "energy"})
        (row, _) = stress_rows(held(AAA=10, BBB=5), Past({}), tried)
        assert (row["pnl_base"], row["detail"]) == (D("-550.00"), "AAA -500.00, BBB -50.00")

    def test_a_shock_of_the_market_reaches_a_holding_by_its_own_beta(self) -> None:
        random = np.random.default_rng(5)
        moves, own = random.normal(0.0, 0.01, 250), random.normal(0.0, 0.002, 250)
        first = date(2022, 1, 3)
        market_days = walk(moves.tolist(), first=first)
        returns = {"AAA": walk((1.5 * moves + own).tolist(), first=first), "NEW": walk([0.01] * 20, first=first)}
        fall = Hypothetical("fall", "", (Shock(Target.FACTOR, -0.2, "market"),))
        past = Past(returns, market=Market("SPY", market_days))
        tried = Scenarios((), (fall, uniform("all", "", -0.2)))
        one = next(stress_rows(held(AAA=10), past, tried))
        drivers, outcomes = np.array([0.0, *moves]), np.array([0.0, *(1.5 * moves + own)])
        beta = np.cov(drivers, outcomes)[0, 1] / drivers.var(ddof=1)
        assert float(one["pnl_base"]) == pytest.approx(-0.2 * beta * 1000, abs=0.006)
        assert one["detail"].endswith("; betas to SPY")
        # What others hold changes nothing; what has no beta stops its holder, and only in this scenario.
        both = valued([Copied("p", "P", "USD", {"AAA": D(10)}), Copied("q", "Q", "USD", {"AAA": D(1), "NEW": D(1)})],
                      market(dict.fromkeys(("AAA", "NEW"), ("100", "100"))).worth)  # fmt: skip
        rows = list(stress_rows(both, past, tried))
        assert rows[0] == one
        assert rows[1]["reason"] == ("NEW has 21 days of returns beside SPY: at least 60 are needed for its beta")
        assert [row["pnl_base"] for row in rows[2:4]] == [D("-200.00"), D("-40.00")]
        (lost, *_) = stress_rows(held(AAA=10), Past(returns), tried)
        assert lost["reason"] == "the lake has no returns of a market"
        still = Past(returns, market=Market("SPY", walk([0.0] * 250, first=first)))
        assert next(stress_rows(held(AAA=10), still, tried))["reason"] == "SPY did not move on the days of AAA"

    def test_the_market_is_the_mean_of_all(self) -> None:
        rows = [{"business_date": DAY - timedelta(days=n), "total": D(f"0.0{n}"), "instruments": n + 1} for n in (0, 1)]
        found = mean_of_all(pa.Table.from_pylist(rows))
        assert found is not None
        np.testing.assert_allclose(found.series.returns, [0.005, 0.0])
        assert found.series.days.tolist() == [BEFORE, DAY]
        assert mean_of_all(pa.Table.from_pylist(rows).slice(0, 0)) is None

    def test_a_large_loss_is_so_many_deviations_away(self) -> None:
        random = np.random.default_rng(5)
        moves = random.normal(0.0, 0.01, 250)
        returns = {"AAA": walk(moves.tolist(), first=date(2022, 1, 3))}
        row = rows_of(held(AAA=10), returns)["lose_10"]
        deviation = np.array([0.0, *moves]).std(ddof=1)
        assert row["distance"] == pytest.approx(0.1 / deviation)
        assert (row["pnl_base"], row["detail"]) == (D("-100.00"), "AAA -100.00")
        few = rows_of(held(AAA=10), {"AAA": walk([0.01, 0.02])})["lose_10"]
        assert few["pnl_base"] is None
        assert "3 days of returns in common" in few["reason"]

    def test_a_holding_without_a_close_has_reasons_instead_of_numbers(self) -> None:
        book = valued([Copied("p", "P", "USD", {"ZZZ": D(1)}), Copied("q", "Q", "GBP", {"AAA": D(1)})],
                      market({"AAA": ("1", "2")}).worth)  # fmt: skip
        rows = list(stress_rows(book, Past({}), Scenarios((CRASH,), (uniform("down", "", -0.2),))))
        assert len(rows) == 6
        assert {row["reason"] for row in rows} == {
            "ZZZ has no close of 2022-12-28",
            "there is no rate of USD to GBP of 2022-12-28, nor of the 7 days before: put it by PUT "
            "/api/v1/fx-rates and run positions_daily, which copies it",
        }


def _cut(series: Series) -> Series:
    """As if the history ended there: too long before the window's last day."""
    return Series(series.days[:1], series.after[:1], series.returns[:1])


class TestParameters:
    def test_they_survive_their_manifest(self) -> None:
        told_too = Scenarios(sectors={"AAA": "Energy"}, benchmark="QQQ")
        assert scenarios(told_too.document()) == told_too
        older = {name: value for name, value in Scenarios().document().items() if name not in ("sectors", "benchmark")}
        assert scenarios(older) == Scenarios()
        assert Scenarios().windows == WINDOWS
        told: dict[str, Any] = {"previous": None, "facts": {}, "cash": {}, "rates": [], "multipliers": {"OPT": "100"}}
        assert booked(told).multipliers == {"OPT": D(100)}
        assert booked(told).previous is None

    def test_series_are_sorted_by_symbol_and_day(self) -> None:
        rows = [
            {"symbol": symbol, "business_date": DAY - timedelta(days=back),
             "previous_date": DAY - timedelta(days=back + 1), "simple_return": 0.1 * back}
            for symbol, back in (("B", 0), ("A", 0), ("B", 1), ("A", 1))
        ]  # fmt: skip
        found = series_of(pa.Table.from_pylist(rows))
        assert sorted(found) == ["A", "B"]
        np.testing.assert_array_equal(found["A"].returns, [0.1, 0.0])
        assert (found["B"].days - found["B"].after == np.timedelta64(1, "D")).all()
        assert series_of(pa.Table.from_pylist(rows).slice(0, 0)) == {}


def test_every_part_of_a_price_stays_in_the_price() -> None:
    # Nothing with a daily close is curved: sensitivities would need columns of their own.
    (item,) = explained(Day("USD", {"A": D(1)}, {"A": D(1)}), market({"A": ("1", "2")}))
    assert {part for part, minor in item.explained.parts.items() if minor} <= {Part(name) for name in PARTS}
