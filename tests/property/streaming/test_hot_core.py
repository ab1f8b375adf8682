"""The hot process's core: wherever it ends and goes on from a kept state, it comes to the same."""

from collections.abc import Iterable
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from lakehouse.alerting import book
from lakehouse.alerting.rules import OF_PORTFOLIO, Crossing, Kind
from lakehouse.risk.checks import BoolArray, IntArray
from lakehouse.trading.costs import Fees
from lakehouse.trading.venue import Terms
from streaming.hot import rules
from streaming.hot.batch import Batch
from streaming.hot.changes import CASH, FLOWS, MARKS, ORDERS, RULES, SYMBOLS, TERMS, Change, Sight, Values, difference
from streaming.hot.desk import SimulatedDesk
from streaming.hot.desk_orders import plain_of
from streaming.hot.desk_terms import plain_of as plain_of_terms
from streaming.hot.effects import Effects
from streaming.hot.journal import Cut, Standing, change_of, change_to_text, cuts_of, cuts_to_bytes, pack, unpack
from streaming.hot.processor import Core
from streaming.hot.watched import Layout, Stored, monitor_of
from tests.factories.hot_core import FIRST_US, Step, core_of, opening, steps, taken, together
from tests.factories.hot_desk import SYMBOLS as SYMBOLS_TRADED, an_order, batch_of, opened, quote

seeds = st.integers(0, 2**32 - 1)
LARGEST = int(book.LARGEST)


@settings(max_examples=40, deadline=None)
@given(seed=seeds, data=st.data())
def test_a_core_that_is_killed_and_replays_its_journal_comes_to_the_same(seed: int, data: st.DataObject) -> None:
    all_steps = steps(np.random.default_rng(seed))
    whole = core_of()
    wanted = [taken(whole, step) for step in all_steps]

    kept_at = data.draw(st.integers(0, len(all_steps)), label="kept after")
    ended_at = data.draw(st.integers(kept_at, len(all_steps)), label="killed after")
    first = core_of()
    found = [taken(first, step) for step in all_steps[:kept_at]]
    kept = pack(Standing(first.state(), (1, 2)))
    found += [taken(first, step) for step in all_steps[kept_at:ended_at]]
    second = core_of(unpack(kept).state)
    replayed = [taken(second, _journalled(step)) for step in all_steps[kept_at:ended_at]]
    rest = [taken(second, step) for step in all_steps[ended_at:]]

    assert _told(replayed) == _told(found[kept_at:])
    assert _told(found + rest) == _told(wanted)
    assert pack(Standing(second.state(), (1, 2))) == pack(Standing(whole.state(), (1, 2)))


@settings(max_examples=40, deadline=None)
@given(seed=seeds, cut=st.integers(0, 150))
def test_price_and_quote_rules_do_not_depend_on_batches(seed: int, cut: int) -> None:
    """Of ticks that come in the order of their event time: against one monitor that gets all of them at once."""
    random = np.random.default_rng(seed)
    sight = Sight(opening(random))
    core = core_of()
    core.change(sight.maps)
    ticks = together([step for step in steps(random) if isinstance(step, Batch)])
    ticks = ticks.take(np.flatnonzero(ticks.symbol < len(core.symbols)))

    parts = [core.play(ticks.take(slice(0, cut))), core.play(ticks.take(slice(cut, None)))]

    found = [alert.crossing for part in parts for alert in part.effects.alerts]
    played = monitor_of(Layout(sight), sight, core_of().state().memory, Stored()).play(ticks.ticks)
    assert _of_symbols(found) == _of_symbols(played.crossings)


def _of_symbols(found: Iterable[Crossing]) -> dict[tuple[str, str, int], tuple[int, float]]:
    return {each.key: (each.at_us, each.value) for each in found if each.kind not in OF_PORTFOLIO}


@settings(deadline=None)
@given(seed=seeds)
def test_a_difference_makes_one_sight_the_other(seed: int) -> None:
    random = np.random.default_rng(seed)
    seen, read = Sight(opening(random)), Sight(opening(random))

    seen.apply(difference(seen, read.maps, {}))

    assert seen.maps == read.maps
    assert difference(seen, read.maps, {}) == {}


@settings(max_examples=20, deadline=None)
@given(seed=seeds, cash=st.sampled_from([LARGEST - 1, 1 - LARGEST]), flow=st.sampled_from([LARGEST, -LARGEST]))
def test_the_largest_cash_and_flow_break_nothing(seed: int, cash: int, flow: int) -> None:
    first, *rest = steps(np.random.default_rng(seed))
    core = core_of()
    taken(core, first)
    for sign in (1, -1, 1):
        core.change({CASH: dict.fromkeys(core.portfolios, cash), FLOWS: dict.fromkeys(core.portfolios, sign * flow)})
        for step in rest:
            taken(core, step)

    assert (np.abs(core.monitor.standing[-2]) < 2**62).all()


def test_quotes_known_from_before_are_as_old_after_a_restart() -> None:
    change = opening(np.random.default_rng(3))
    name, number = next(iter(change[MARKS])), UUID(int=999)
    stale = {"id": str(number), "kind": Kind.STALE_QUOTE.value, "symbol": name, "portfolio_id": None}
    like = next(iter(change[RULES].values()))
    assert isinstance(like, dict)
    core = core_of()
    known: dict[str, object] = {name: [FIRST_US + 5_000_000, 99.0, 101.0, 100.0]}
    rule: dict[str, object] = like | stale | {"limit_value": "6", "cool_down_s": 0}
    core.change({**change, RULES: {str(number): rule}, MARKS: known})
    again = core_of(unpack(pack(Standing(core.state(), (0,)))).state)

    beats = [FIRST_US, FIRST_US + 8_000_000, FIRST_US + 12_000_000]
    found = _told([core.beat(at_us) for at_us in beats])

    assert [line[:3] for line in found] == [((str(number), name, 1), FIRST_US + 12_000_000, 7.0)]
    assert _told([again.beat(at_us) for at_us in beats]) == found


def test_a_restart_deals_by_the_terms_that_the_journal_told() -> None:
    order = plain_of(opened(an_order()))
    terms = plain_of_terms(Terms(fees=Fees(minimum_minor=35)), is_always_open=True)
    change: Change = {
        SYMBOLS: dict.fromkeys(SYMBOLS_TRADED, "USD"),
        ORDERS: {str(order["portfolio_id"]): {str(order["id"]): order}},
        TERMS: {"simulated": terms},
    }
    core = Core(SimulatedDesk(Terms(), never_open))
    core.change(change_of(change_to_text(change)))
    again = Core(SimulatedDesk(Terms(), never_open), unpack(pack(Standing(core.state(), (0,)))).state)
    batch = batch_of([quote(89, 90, symbol=core.places["AAPL"], at=60_000_000)])

    dealt = core.play(batch).effects.dealt

    assert [fill.fee_minor for fill in dealt.fills] == [35]
    assert again.play(batch).effects.dealt == dealt
    assert again.sight.maps == core.sight.maps


def never_open(exchange: str, at_us: IntArray) -> BoolArray:
    return np.zeros(len(at_us), np.bool_)


def test_a_reading_of_some_leaves_others_alone() -> None:
    random = np.random.default_rng(7)
    seen = Sight(opening(random))
    read: dict[str, Values] = {RULES: {}}
    one, other = list(seen[RULES])[:2]

    change = difference(seen, read, {RULES: [one]})

    assert change == {RULES: {one: None}}
    assert rules.from_json(seen[RULES][other]).id.int == 1


@given(cuts=st.lists(st.builds(Cut, st.tuples(*[st.integers(0, 2**62)] * 4), st.integers(0, 2**62)), max_size=5))
def test_cuts_are_read_back(cuts: list[Cut]) -> None:
    assert cuts_of(cuts_to_bytes(cuts), len(cuts)) == cuts


@pytest.mark.parametrize("seed", range(3))
def test_a_change_is_read_back_whole(seed: int) -> None:
    change = opening(np.random.default_rng(seed))
    assert change_of(change_to_text(change)) == change


def _journalled(step: Step) -> Step:
    """As it comes back from the journal."""
    return change_of(change_to_text(step)) if isinstance(step, dict) else step


def _told(effects: list[Effects]) -> list[tuple[object, ...]]:
    return [
        (alert.crossing.key, alert.crossing.at_us, alert.crossing.value, alert.crossing.bound, alert.cause)
        for each in effects
        for alert in each.alerts
    ]
