"""The rebalancing job's pure parts: parameters as they stand in a manifest, regimes, and portfolios refused by name."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
import pytest

from lakehouse.construction.model import Objective
from lakehouse.construction.policy import Aim, Policy
from lakehouse.construction.policy_document import document, parse as parse_policy
from lakehouse.construction.proposal import ProposalStatus
from lakehouse.construction.regime import Regime
from lakehouse.contracts.render.arrow import schema
from lakehouse.contracts.tables.gold import RETURNS_DAILY
from lakehouse.contracts.tables.rebalancing import PROPOSALS, TRADES
from lakehouse.portfolio.fx import Quoted, Rates
from lakehouse.portfolio.lots import LotMethod
from spark_jobs.allocate.job import universe_of
from spark_jobs.rebalance.job import CLOSES
from spark_jobs.rebalance.parameters import Due, Windows, parse
from spark_jobs.rebalance.policies import free_lots, promised, within_objective
from spark_jobs.rebalance.proposals import UNKNOWN, Closes, by_symbol, market_regime, proposal_of
from spark_jobs.rebalance.rows import proposal_rows, trade_rows

DAY = date(2022, 12, 28)
PORTFOLIO = UUID(int=1)
WINDOWS = Windows(window_days=150, regime_days=400)
EQUAL = Policy(aims=dict.fromkeys(Regime, Aim(Objective.EQUAL_WEIGHT, cash=0.1)))


def told(policy: Policy = EQUAL) -> dict[str, Any]:
    lot = {"symbol": "A", "id": str(UUID(int=5)), "opened_on": "2022-01-03", "quantity": "10", "cost": "900.00"}
    portfolio = {
        "portfolio_id": str(PORTFOLIO),
        "name": "P",
        "currency": "USD",
        "cash": "100.00",
        "lots": [lot],
        "policy": document(policy),
    }
    return {"windows": {"window_days": 150, "regime_days": 400, "estimator": "sample"}, "due": [portfolio]}


def due(policy: Policy = EQUAL) -> Due:
    return parse(told(policy)).due[0]


def closes(*symbols: str, days: int = 420, currency: str = "USD") -> dict[str, Closes]:
    return by_symbol(returned({symbol: _walk(days, i) for i, symbol in enumerate(symbols)}, currency=currency))


def returned(walks: dict[str, list[Decimal]], currency: str = "USD") -> pa.Table:
    """Rows of returns up to the day, last row first; the close before the first one is that close itself."""
    rows = [
        {
            "symbol": symbol,
            "business_date": DAY - timedelta(days=len(walk) - 1 - n),
            "previous_date": DAY - timedelta(days=len(walk) - n),
            "currency": currency,
            "close": close,
            "simple_return": float(close / walk[max(0, n - 1)]) - 1,
        }
        for symbol, walk in walks.items()
        for n, close in enumerate(walk)
    ]
    whole = schema(RETURNS_DAILY)
    return pa.Table.from_pylist(rows[::-1], pa.schema([whole.field(name) for name in CLOSES]))


def _walk(days: int, seed: int) -> list[Decimal]:
    moves = np.random.default_rng(seed).normal(0.0005, 0.01, days)
    return [Decimal(f"{close:.2f}") for close in 100 * np.exp(moves.cumsum())]


def test_parameters_are_what_the_manifest_tells() -> None:
    found = parse(told())
    assert found.windows == Windows(150, 400, "sample")
    assert found.due[0].policy == EQUAL
    assert found.due[0].lots["A"][0].cost == Decimal("900.00")


def test_an_older_manifest_had_no_open_orders_and_chose_lots() -> None:
    found = due()
    assert (found.kept, found.coming, found.lot_method) == ({}, {}, LotMethod.SPECIFIC)
    portfolio = {**told()["due"][0], "kept": {"A": "4"}, "coming": {"B": "1"}, "lot_method": "fifo"}
    now = parse({**told(), "due": [portfolio]}).due[0]
    assert (now.kept, now.coming, now.lot_method) == ({"A": Decimal(4)}, {"B": Decimal(1)}, LotMethod.FIFO)


def test_lots_that_open_sales_have_named_are_not_free() -> None:
    lot, other = str(UUID(int=5)), str(UUID(int=6))
    sale = {"lots": [{"lot_id": lot, "quantity": "4"}, {"lot_id": other, "quantity": "8"}], "filled": "4", "left": "5"}
    named = promised([sale, {"lots": [{"lot_id": lot, "quantity": "2"}], "filled": "0", "left": "2"}])
    assert named == {lot: Decimal(2), other: Decimal(5)}
    lots = [{"symbol": "A", "id": lot, "opened_on": "2022-01-03", "quantity": "10", "cost": "900.00"}]
    assert free_lots(lots, {}) == lots
    assert free_lots(lots, named) == [{**lots[0], "quantity": "8", "cost": "720.00"}]
    assert free_lots(lots, {lot: Decimal(10)}) == []


def test_the_narrower_limit_of_policy_and_objective_counts() -> None:
    aims = {**EQUAL.aims, Regime.BULL: Aim(Objective.TARGET_WEIGHTS, targets=(("A", 1.0),))}
    policy = document(Policy(aims=aims, excluded=("X",)))
    found = within_objective(policy, most=0.2, least_cash=0.15, excluded=["Y"])
    assert found["aims"]["bear"]["max_weight"] == 0.2
    assert found["aims"]["bear"]["cash"] == 0.15
    assert found["aims"]["bull"]["cash"] == 0
    assert found["excluded"] == ["X", "Y"]
    assert within_objective(policy, most=None, least_cash=None, excluded=[])["aims"] == policy["aims"]


@pytest.mark.parametrize(
    ("aim", "most", "least"),
    [
        (Aim(Objective.MIN_VARIANCE, min_weight=-0.5, max_gross=2.0), 0.2, -0.2),
        (Aim(Objective.MIN_VARIANCE, min_weight=-0.1, max_gross=2.0), 0.2, -0.1),
        (Aim(Objective.MIN_VARIANCE, min_weight=-0.5, max_gross=2.0), None, -0.5),
        (Aim(Objective.MIN_VARIANCE), 0.2, 0.0),
        (Aim(Objective.TARGET_WEIGHTS, targets=(("A", -0.4), ("B", 1.0)), min_weight=-0.5, max_gross=2.0), 0.2, -0.5),
    ],
)
def test_the_largest_position_of_the_objective_is_so_for_shorts_too(aim: Aim, most: float | None, least: float) -> None:
    policy = document(Policy(aims=dict.fromkeys(Regime, aim)))
    found = parse_policy(within_objective(policy, most=most, least_cash=None, excluded=[]))
    assert {each.min_weight for each in found.aims.values()} == {least}


def test_closes_are_by_date_whatever_the_order_of_rows() -> None:
    found = closes("B", "A", days=3)
    assert list(found) == ["A", "B"]
    assert found["A"].dates.tolist() == [DAY - timedelta(days=2), DAY - timedelta(days=1), DAY]
    assert found["A"].last == Decimal(f"{found['A'].prices[-1]:.2f}")


def test_a_split_is_no_loss_and_a_gap_begins_anew() -> None:
    walk = [Decimal(100), Decimal(110), Decimal(55), Decimal("60.5")]
    rows = returned({"A": walk, "B": walk}).to_pylist()
    split, gap = DAY - timedelta(days=1), DAY - timedelta(days=2)
    for row in rows:
        if row["symbol"] == "A" and row["business_date"] == split:
            row["simple_return"] = 0.0  # two for one
        if row["symbol"] == "B" and row["business_date"] == gap:
            row["previous_date"] = DAY - timedelta(days=400)
    found = by_symbol(pa.Table.from_pylist(rows, returned({"A": walk}).schema))
    np.testing.assert_allclose(found["A"].prices, [50, 55, 55, 60.5])
    assert found["A"].last == Decimal("60.5")
    assert found["B"].dates.tolist() == [gap, split, DAY]
    assert by_symbol(returned({})) == {}


def test_the_regime_is_the_whole_markets_and_unknown_without_history() -> None:
    assert market_regime(closes("A", "B"), WINDOWS).source == "rule:ma200_vol60"
    assert market_regime(closes("A", days=50), WINDOWS) == UNKNOWN
    assert market_regime({}, WINDOWS) == UNKNOWN


def test_a_proposal_becomes_rows_of_the_contract() -> None:
    found = proposal_of(due(), {"A": Decimal(10), "B": Decimal(1)}, closes("A", "B"), UNKNOWN, DAY, WINDOWS)
    assert found.status is ProposalStatus.PROPOSED
    rows, trades = proposal_rows([found], {PORTFOLIO: "P"}, "run"), trade_rows([found], "run")
    assert (rows.schema, trades.schema) == (schema(PROPOSALS), schema(TRADES))
    assert rows["trade_count"].to_pylist() == [trades.num_rows]
    assert rows["cash_after_base"].to_pylist()[0] >= 0


def test_the_universe_may_be_bought_by_who_holds_nothing() -> None:
    policy = Policy(aims=EQUAL.aims, universe=("A", "B"))
    found = proposal_of(due(policy), {}, closes("A", "B"), UNKNOWN, DAY, WINDOWS)
    assert found.status in {ProposalStatus.PROPOSED, ProposalStatus.NOTHING_TO_TRADE}
    assert [line.symbol for line in found.lines] == ["A", "B"]


def test_foreign_holdings_are_proposed_for_in_the_currency_of_the_portfolio() -> None:
    prices = {**closes("A"), "B": closes("A", "B", currency="EUR")["B"]}
    days = [DAY - timedelta(days=ago) for ago in range(WINDOWS.window_days + 1)]
    rates = Rates(Quoted("EUR", "USD", day, Decimal("1.1") + Decimal(n % 7) / 100) for n, day in enumerate(days))
    found = proposal_of(due(), {"A": Decimal(100), "B": Decimal(1)}, prices, UNKNOWN, DAY, WINDOWS, rates)
    assert found.status is ProposalStatus.PROPOSED
    bought = next(trade for trade in found.trades if trade.symbol == "B")
    assert bought.reference_price == (prices["B"].last * Decimal("1.1")).quantize(Decimal("0.00000001"))
    assert bought.note.startswith(f"paid in EUR, at {prices['B'].last.normalize():f} a unit: cash of USD is converted")
    assert found.value == 100 * prices["A"].last + bought.reference_price + Decimal(100)
    without = proposal_of(due(), {"B": Decimal(1)}, prices, UNKNOWN, DAY, WINDOWS, Rates([]))
    assert "no rate of EUR to USD" in without.reasons[0]


def test_contracts_of_several_units_are_refused_by_name_and_bought_for_nobody() -> None:
    """A future of 50 units is no share: its price, costs and lots are of 50."""
    table = returned({"A": _walk(420, 0), "F": _walk(420, 1)})
    several = parse({**told(), "multipliers": {"F": "50.00000000"}}).multipliers
    prices = by_symbol(table, several)
    for units, policy in (({"A": Decimal(1), "F": Decimal(2)}, EQUAL), ({}, Policy(aims=EQUAL.aims, universe=("F",)))):
        found = proposal_of(due(policy), units, prices, UNKNOWN, DAY, WINDOWS)
        assert (found.status, found.trades) == (ProposalStatus.REFUSED, ())
        assert found.reasons == ("contracts of several units are not rebalanced: close, or leave out, F",)
    assert proposal_of(due(), {"A": Decimal(1)}, prices, UNKNOWN, DAY, WINDOWS).status is not ProposalStatus.REFUSED
    assert universe_of(prices, WINDOWS) == {"USD": ("A",)}
    assert universe_of(by_symbol(table), WINDOWS) == {"USD": ("A", "F")}
    assert parse(told()).multipliers == {}


def test_a_short_position_under_a_long_only_policy_is_bought_back() -> None:
    portfolio = {**told()["due"][0], "cash": "500.00", "shorts": {"A": {"kept": "300.00", "freed": "150.00"}}}
    short = parse({**told(), "due": [portfolio]}).due[0]
    prices = closes("A", "B")
    found = proposal_of(short, {"A": Decimal(-2), "B": Decimal(20)}, prices, UNKNOWN, DAY, WINDOWS)
    cover = next(trade for trade in found.trades if trade.symbol == "A")
    assert (str(cover.side), cover.quantity) == ("buy", Decimal(2))
    assert found.value == 800 - 2 * prices["A"].last + 20 * prices["B"].last
    assert cover.short_gain == 200 - 2 * prices["A"].last
    assert (due().shorts, due().may_short) == ({}, False)


def test_a_short_in_another_currency_is_refused_since_its_proceeds_are_not_counted() -> None:
    prices = {**closes("A"), "B": closes("A", "B", currency="EUR")["B"]}
    rates = Rates(Quoted("EUR", "USD", DAY - timedelta(days=ago), Decimal("1.1")) for ago in range(200))
    found = proposal_of(due(), {"A": Decimal(9), "B": Decimal(-2)}, prices, UNKNOWN, DAY, WINDOWS, rates)
    assert (found.status, found.trades) == (ProposalStatus.REFUSED, ())
    assert found.reasons == ("sold short in another currency than USD: B: buy it back first",)


@pytest.mark.parametrize(
    ("units", "prices", "reason"),
    [
        ({}, {}, "universe"),
        ({"A": Decimal(1)}, closes("B"), "no close on 2022-12-28 of A"),
        ({"A": Decimal(1)}, closes("A", currency="EUR"), "no rate of EUR to USD of 2022-12-28"),
        ({"A": Decimal(1)}, closes("A", days=100), "supply a longer history"),
    ],
)
def test_what_cannot_be_computed_is_refused_by_name(
    units: dict[str, Decimal], prices: dict[str, Closes], reason: str
) -> None:
    found = proposal_of(due(), units, prices, UNKNOWN, DAY, WINDOWS)
    assert found.status is ProposalStatus.REFUSED
    assert reason in found.reasons[0]
    assert found.trades == ()
    assert proposal_rows([found], {PORTFOLIO: "P"}, "run").num_rows == 1
