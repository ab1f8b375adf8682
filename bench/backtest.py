"""Backtests: orders a second of the vectorised gear and events a second of the event-driven one, beside a bare compiled
loop (the limit) and a loop over the rows of a table, which is what people write."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.harness import Result, wall_s
from lakehouse.backtest.event import play, play_orders
from lakehouse.backtest.gate import require_equal
from lakehouse.backtest.kernel import compiled
from lakehouse.backtest.market import Market, from_closes
from lakehouse.backtest.orders import Intent, Seen
from lakehouse.backtest.rules import Costs, Rules
from lakehouse.backtest.vectorised import run_orders
from lakehouse.risk.checks import FloatArray
from lakehouse.settings import Settings
from lakehouse.trading.order import TimeInForce

SIDE = 1_000
"""Days, and instruments: a million orders, one a day and instrument."""
EVENT_DAYS, EVENT_NAMES = 100, 500
PEER_DAYS = 20
GOAL_ORDERS, GOAL_EVENTS = 10_000_000.0, 200_000.0
RULES = Rules(initial_cash=1e9, costs=Costs(commission_bps=1.0, half_spread_bps=1.0))
BPS = 1e-4


def made_up_market(days: int, names: int) -> Market:
    """Seeded random walks."""
    moves = np.random.default_rng(1).normal(0.0, 0.01, (days, names))
    close = 100.0 * np.exp(np.cumsum(moves, axis=0))
    dates = np.datetime64("2020-01-01") + np.arange(days)
    return from_closes(dates, tuple(f"S{name}" for name in range(names)), close, survivorship="made up")


def in_and_out(days: int, names: int) -> FloatArray:
    """Buy ten units on even days and sell them on odd ones: an order for every instrument on every day."""
    return np.where(np.arange(days)[:, None] % 2 == 0, 10.0, -10.0) * np.ones((days, names))


def _bare(prices: FloatArray, units: FloatArray, equity: FloatArray, trades: FloatArray) -> None:
    """Fills and marks alone: no rule, no bound, no action."""
    held = np.zeros(prices.shape[1])
    cash, place = 1e9, 0
    for day in range(1, prices.shape[0]):
        value = 0.0
        for name in range(prices.shape[1]):
            size = units[day - 1, name]
            price = prices[day, name] * (1.0 + BPS if size > 0.0 else 1.0 - BPS)
            fee = abs(size) * price * BPS
            cash -= size * price + fee
            held[name] += size
            trades[place, 0], trades[place, 1], trades[place, 2] = size, price, fee
            place += 1
            value += held[name] * prices[day, name]
        equity[day] = cash + value


def rows_a_second(market: Market, units: FloatArray) -> float:
    """The same orders, filled row by row of a table."""
    days, names = PEER_DAYS, len(market.symbols)
    table = pd.DataFrame(
        {
            "name": np.tile(np.arange(names), days - 1),
            "units": units[: days - 1].ravel(),
            "price": market.close[1:days].ravel(),
        }
    )

    def run() -> float:
        cash, held = 1e9, dict.fromkeys(range(names), 0.0)
        for _, row in table.iterrows():
            price = row["price"] * (1.0 + BPS if row["units"] > 0 else 1.0 - BPS)
            cash -= row["units"] * price + abs(row["units"]) * price * BPS
            held[row["name"]] += row["units"]
        return cash

    return len(table) / wall_s(run)


@dataclass(frozen=True, slots=True)
class Resting:
    """A limit and a stop on every instrument, both far away: each bar meets both and fills neither."""

    names: int

    def decide(self, seen: Seen) -> list[Intent]:
        """Places them once."""
        if seen.day:
            return []
        wait = TimeInForce.GTC
        return [
            order
            for name in range(self.names)
            for order in (
                Intent(column=name, units=1.0, limit=1e-3, time_in_force=wait),
                Intent(column=name, units=1.0, stop=1e6, time_in_force=wait),
            )
        ]


def run(settings: Settings) -> list[Result]:
    """Needs no engine."""
    return [_vectorised(), *_event_driven()]


def _vectorised() -> Result:
    market, units = made_up_market(SIDE, SIDE), in_and_out(SIDE, SIDE)
    orders = float((SIDE - 1) * SIDE)
    bare = compiled(_bare)
    equity, trades = np.zeros(SIDE), np.empty((SIDE * SIDE, 3))
    limit = orders / wall_s(lambda: bare(market.close, units, equity, trades))
    return Result(
        "backtest_orders",
        "orders/s",
        orders / wall_s(lambda: run_orders(market, units, RULES)),
        {"pandas row loop": rows_a_second(market, units)},
        limit,
        goal=GOAL_ORDERS,
        notes=f"{SIDE} days x {SIDE} instruments, an order each; limit: fills and marks alone, compiled, no rules",
    )


def _event_driven() -> list[Result]:
    market, units = made_up_market(EVENT_DAYS, EVENT_NAMES), in_and_out(EVENT_DAYS, EVENT_NAMES)
    played = play_orders(market, units, RULES)
    require_equal(run_orders(market, units, RULES), played.result)
    waiting = play(market, Resting(EVENT_NAMES), RULES)
    told = f"{EVENT_DAYS} days x {EVENT_NAMES} instruments, "
    peer = {"pandas row loop": 3 * rows_a_second(market, units)}
    return [
        Result(
            "backtest_events",
            "events/s",
            played.events / wall_s(lambda: play_orders(market, units, RULES)),
            peer,
            goal=GOAL_EVENTS,
            notes=told + "an order each, placed, met by its bar and filled: three events; equal to the vectorised gear",
        ),
        Result(
            "backtest_resting",
            "events/s",
            waiting.events / wall_s(lambda: play(market, Resting(EVENT_NAMES), RULES)),
            goal=GOAL_EVENTS,
            notes=told + "each bar meets a limit and a stop that it does not fill",
        ),
    ]
