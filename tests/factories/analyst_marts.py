"""A small set of marts for analysts' questions: two portfolios in four real shares, on two business dates.

Returns and everything computed from them (risk, backtests, components, proposals, equity) are those of real closes up
to the crash of March 2020, which broke forecasts: skfolio's S&P 500 data, which the platform's demo uses. Minute bars,
the results of strategies and the loads are made up: nothing real of them is small.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import cast
from uuid import UUID

import numpy as np
import pandas as pd
from clickhouse_connect.driver.client import Client
from scipy.stats import binom
from skfolio.datasets import load_sp500_dataset

from lakehouse.contracts.tables import table
from tests.factories.analyst_made_up import bars, idle_proposal, loads
from tests.factories.analyst_measures import Array, cents, components, cost_of, kupiec_p_value, measure
from tests.factories.analyst_strategies import relative, runs
from tests.factories.analyst_stress import explained, stress
from tests.factories.rows import Row, whole

SYMBOLS = ("AAPL", "JPM", "KO", "XOM")
LAST, DAYS = "2020-03-31", 320
WINDOW = 250
BACKTEST_WINDOW, BACKTEST_DAYS = 150, 100
CONFIDENCES = (Decimal("0.95"), Decimal("0.99"))
METHODS = ("historical", "parametric_normal")


@dataclass(frozen=True)
class Portfolio:
    """Units of each of SYMBOLS; negative for a short."""

    id: UUID
    name: str
    currency: str
    units: tuple[int, ...]


PORTFOLIOS = (
    Portfolio(UUID("00000000-0000-7000-8000-000000000001"), "Core", "USD", (100, 60, 300, 80)),
    Portfolio(UUID("00000000-0000-7000-8000-000000000002"), "Hedged oil", "EUR", (20, -40, 10, 200)),
)


class Marts:
    """The rows of every mart by its contract's name, and the arrays that they were computed from."""

    @cached_property
    def closes(self) -> pd.DataFrame:
        return load_sp500_dataset()[list(SYMBOLS)].loc[:LAST].iloc[-DAYS:]

    @cached_property
    def dates(self) -> list[dt.date]:
        return [stamp.date() for stamp in self.closes.index]

    @cached_property
    def simple(self) -> Array:
        """Simple returns: row d is the one that ends on dates[d + 1]."""
        prices = self.closes.to_numpy(dtype=np.float64)
        return cast(Array, prices[1:] / prices[:-1] - 1)

    @property
    def business_dates(self) -> tuple[int, int]:
        """Positions in `dates` of the business date before the newest, and of the newest."""
        return len(self.dates) - 2, len(self.dates) - 1

    def pnl(self, portfolio: Portfolio, at: int) -> Array:
        """What the holdings at close `at` would have gained on each of the last days, oldest first."""
        exposure = np.array(portfolio.units) * self.closes.to_numpy()[at]
        return cast(Array, self.simple[:at] @ exposure)

    def value(self, portfolio: Portfolio, at: int) -> float:
        return float(np.array(portfolio.units) @ self.closes.to_numpy()[at])

    @cached_property
    def rows(self) -> dict[str, list[Row]]:
        return {
            "gold.returns_daily_v1": list(self._returns()),
            "gold.portfolio_risk_v1": list(self._risk()),
            "gold.var_backtest_v1": list(self._backtest()),
            "gold.var_backtest_tests_v1": list(self._tests()),
            "gold.component_risk_v1": list(self._components()),
            "gold.worst_scenarios_v1": list(self._worst()),
            "gold.portfolio_metrics_v1": list(self._metrics()),
            "gold.stress_v1": list(stress(self, PORTFOLIOS)),
            "gold.pnl_explain_v1": list(explained(self, PORTFOLIOS, SYMBOLS)),
            "gold.bars_1m_v1": bars(),
            "gold.rebalance_proposals_v1": list(self._proposals()),
            "gold.rebalance_trades_v1": list(self._trades()),
            "gold.strategy_runs_v1": runs(self.dates[0], [self.dates[at] for at in self.business_dates]),
            "gold.strategy_equity_v1": list(self._equity()),
            "gold.strategy_relative_v1": relative([self.dates[at] for at in self.business_dates]),
            "ops.mart_load_v1": loads(),
        }

    def load(self, owner: Client) -> None:
        """Insert everything into the migrated marts."""
        for name, rows in self.rows.items():
            contract = table(name)
            matrix = [list(whole(contract, row).values()) for row in rows]
            owner.insert(contract.short_name, matrix, column_names=list(contract.column_names))

    def newest(self, name: str) -> list[Row]:
        """The rows of the newest business date."""
        last = self.dates[-1]
        return [row for row in self.rows[name] if row["business_date"] == last]

    def _returns(self) -> Iterable[Row]:
        prices = self.closes.to_numpy()
        for day in range(1, len(self.dates)):
            for place, symbol in enumerate(SYMBOLS):
                simple = float(self.simple[day - 1, place])
                yield {
                    "business_year": self.dates[day].year,
                    "symbol": symbol,
                    "business_date": self.dates[day],
                    "previous_date": self.dates[day - 1],
                    "currency": "USD",
                    "close": Decimal(f"{prices[day, place]:.8f}"),
                    "simple_return": simple,
                    "log_return": float(np.log1p(simple)),
                }

    def _measured(self) -> Iterable[tuple[Portfolio, int, str, Decimal]]:
        for at in self.business_dates:
            for portfolio in PORTFOLIOS:
                for method in METHODS:
                    for confidence in CONFIDENCES:
                        yield portfolio, at, method, confidence

    def _risk(self) -> Iterable[Row]:
        """One day ahead, and ten, which no backtest follows."""
        for portfolio, at, method, confidence in self._measured():
            var, shortfall = measure(self.pnl(portfolio, at)[-WINDOW:], method, float(confidence))
            one_day: Row = {
                **_identity(portfolio, self.dates[at]),
                "base_currency": portfolio.currency,
                "portfolio_name": portfolio.name,
                "method": method,
                "confidence": confidence,
                "horizon_days": 1,
                "value_base": cents(self.value(portfolio, at)),
                "var_base": cents(var),
                "es_base": cents(shortfall),
                "observations": WINDOW,
                "breaches": sum(broken for *_, broken in self.forecasts(portfolio, at, method, confidence)),
                "backtest_days": BACKTEST_DAYS,
            }
            yield one_day
            grown = {"horizon_days": 10, "var_base": cents(3 * var), "es_base": cents(3 * shortfall)}
            yield {**one_day, **grown, "breaches": 0, "backtest_days": 0}

    def forecasts(
        self, portfolio: Portfolio, at: int, method: str, confidence: Decimal
    ) -> list[tuple[dt.date, Decimal, Decimal, bool]]:
        """Date, forecast, profit and whether it was a breach, of each day of the backtest."""
        pnl = self.pnl(portfolio, at)
        found = []
        for day in range(len(pnl) - BACKTEST_DAYS, len(pnl)):
            var, _ = measure(pnl[day - BACKTEST_WINDOW : day], method, float(confidence))
            gained = cents(float(pnl[day]))
            found.append((self.dates[day + 1], cents(var), gained, gained < -cents(var)))
        return found

    def _backtest(self) -> Iterable[Row]:
        for portfolio, at, method, confidence in self._measured():
            for date, var, gained, broken in self.forecasts(portfolio, at, method, confidence):
                yield {
                    **_identity(portfolio, self.dates[at]),
                    "method": method,
                    "confidence": confidence,
                    "forecast_date": date,
                    "var_base": var,
                    "pnl_base": gained,
                    "is_breach": broken,
                }

    def _tests(self) -> Iterable[Row]:
        for portfolio, at, method, confidence in self._measured():
            days = self.forecasts(portfolio, at, method, confidence)
            breaches, chance = sum(broken for *_, broken in days), 1 - float(confidence)
            probability = float(binom.cdf(breaches, len(days), chance))
            zone = "green" if probability < 0.95 else "yellow" if probability < 0.9999 else "red"
            yield {
                **_identity(portfolio, self.dates[at]),
                "portfolio_name": portfolio.name,
                "method": method,
                "confidence": confidence,
                "forecasts": len(days),
                "breaches": breaches,
                "expected_breaches": len(days) * chance,
                "pof_p_value": kupiec_p_value(breaches, len(days), chance),
                "zone": zone,
                "cumulative_probability": probability,
                "multiplier": {"green": 3.0, "yellow": 3.5, "red": 4.0}[zone],
                "refit_days": 1,
            }
        yield from self._kept_green()

    def _kept_green(self) -> Iterable[Row]:
        for portfolio in PORTFOLIOS:
            yield {
                **_identity(portfolio, self.dates[-1]),
                "portfolio_name": portfolio.name,
                "method": "filtered_historical",
                "confidence": CONFIDENCES[1],
                "forecasts": BACKTEST_DAYS,
                "breaches": 1,
                "expected_breaches": 1.0,
                "pof_p_value": 1.0,
                "zone": "green",
                "multiplier": 3.0,
                "refit_days": 1,
            }

    def _components(self) -> Iterable[Row]:
        """Of one day ahead, and of ten."""
        for portfolio, at, method, confidence in self._measured():
            exposure = np.array(portfolio.units) * self.closes.to_numpy()[at]
            var, shortfall = components((self.simple[:at] * exposure)[-WINDOW:], method, float(confidence))
            cuts = [("instrument", symbol, np.array([place])) for place, symbol in enumerate(SYMBOLS)]
            everything = np.arange(len(SYMBOLS))
            cuts += [("sector", "unclassified", everything), ("currency", portfolio.currency, everything)]
            for horizon, grown in ((1, 1), (10, 3)):
                for grouping, name, held in cuts:
                    yield {
                        **_identity(portfolio, self.dates[at]),
                        "base_currency": portfolio.currency,
                        "method": method,
                        "confidence": confidence,
                        "horizon_days": horizon,
                        "grouping": grouping,
                        "group_name": name,
                        "exposure_base": cents(exposure[held].sum()),
                        "component_var_base": cents(grown * var[held].sum()),
                        "component_es_base": cents(grown * shortfall[held].sum()),
                    }

    def _worst(self) -> Iterable[Row]:
        """Past days that come again, once and ten times over, and one that was drawn and is worse than all of them."""
        for at in self.business_dates:
            for portfolio in PORTFOLIOS:
                pnl = self.pnl(portfolio, at)
                told: Row = {**_identity(portfolio, self.dates[at]), "base_currency": portfolio.currency}
                for place, day in enumerate(np.argsort(pnl)[:5], start=1):
                    for horizon, grown in ((1, 1), (10, 10)):
                        yield {
                            **told,
                            "factor_set": "historical",
                            "horizon_days": horizon,
                            "place": place,
                            "scenario": int(day),
                            "scenario_date": self.dates[int(day) + 1],
                            "pnl_base": cents(grown * float(pnl[day])),
                        }
                drawn = {"factor_set": "monte_carlo_normal", "horizon_days": 1, "place": 1, "pnl_base": cents(-1e6)}
                yield {**told, **drawn}

    def _metrics(self) -> Iterable[Row]:
        for at in self.business_dates:
            for portfolio in PORTFOLIOS:
                exposure = np.array(portfolio.units) * self.closes.to_numpy()[at]
                gross = np.abs(exposure).sum()
                hhi = float(((np.abs(exposure) / gross) ** 2).sum())
                yield {
                    **_identity(portfolio, self.dates[at]),
                    "portfolio_name": portfolio.name,
                    "base_currency": portfolio.currency,
                    "value_base": cents(exposure.sum()),
                    "gross_base": cents(gross),
                    "holdings": len(SYMBOLS),
                    "observations": at,
                    "first_date": self.dates[1],
                    "volatility": float((self.pnl(portfolio, at) / gross).std(ddof=1) * np.sqrt(252)),
                    "hhi": hhi,
                    "effective_holdings": 1 / hhi,
                }

    def _proposals(self) -> Iterable[Row]:
        for at in self.business_dates:
            for portfolio in PORTFOLIOS:
                trades = self.trades(portfolio, at)
                value = self.value(portfolio, at)
                var, _ = measure(self.pnl(portfolio, at)[-WINDOW:], "historical", 0.99)
                yield {
                    **_identity(portfolio, self.dates[at]),
                    "portfolio_name": portfolio.name,
                    "base_currency": portfolio.currency,
                    "status": "proposed" if trades else "within_bands",
                    "value_base": cents(value),
                    "drift_before": sum(float(notional) for *_, notional in trades) / value / 2,
                    "drift_after": sum(value / len(SYMBOLS) % price for price in self.closes.to_numpy()[at])
                    / value
                    / 2,
                    "turnover": sum(float(notional) for *_, notional in trades) / value,
                    "cost_base": sum((cost_of(notional) for *_, notional in trades), Decimal(0)),
                    "tax_base": sum(
                        (2 * cost_of(notional) for _, side, _, notional in trades if side == "sell"), Decimal(0)
                    ),
                    "var_99_before": var / value,
                    "var_99_after": 0.8 * var / value,
                    "trade_count": len(trades),
                }
        yield idle_proposal(self.dates[-1])

    def trades(self, portfolio: Portfolio, at: int) -> list[tuple[str, str, int, Decimal]]:
        """Symbol, side, units and notional that move a portfolio to equal weights; none where it has shorts and
        it is the day before.
        """
        if at == self.business_dates[0] and min(portfolio.units) < 0:
            return []
        prices, value = self.closes.to_numpy()[at], self.value(portfolio, at)
        found = []
        for symbol, price, units in zip(SYMBOLS, prices, portfolio.units, strict=True):
            change = int(value / len(SYMBOLS) / price) - units
            if change:
                side = "buy" if change > 0 else "sell"
                found.append((symbol, side, abs(change), cents(abs(change) * float(price))))
        return found

    def _trades(self) -> Iterable[Row]:
        for at in self.business_dates:
            for portfolio in PORTFOLIOS:
                for line, (symbol, side, units, notional) in enumerate(self.trades(portfolio, at)):
                    yield {
                        **_identity(portfolio, self.dates[at]),
                        "line": line,
                        "symbol": symbol,
                        "side": side,
                        "quantity": Decimal(units),
                        "reference_price": Decimal(f"{self.closes.iloc[at][symbol]:.8f}"),
                        "notional_base": notional,
                        "cost_base": cost_of(notional),
                    }

    def _equity(self) -> Iterable[Row]:
        """Holding one share, as a walk-forward; the trial held KO, with twice the money."""
        for at in self.business_dates:
            for symbol in ("AAPL", "JPM", "XOM"):
                for kind, capital in (("trial", 2e6), ("walk_forward", 1e6)):
                    held = self.closes["KO" if kind == "trial" else symbol].to_numpy()[: at + 1]
                    equity = capital * held / held[0]
                    depth = 1 - equity / np.maximum.accumulate(equity)
                    for day, (owned, fallen) in enumerate(zip(equity, depth, strict=True)):
                        yield {
                            "business_date": self.dates[at],
                            "strategy": f"hold_{symbol.lower()}",
                            "kind": kind,
                            "equity_date": self.dates[day],
                            "equity_base": cents(float(owned)),
                            "drawdown": float(fallen),
                        }


def _identity(portfolio: Portfolio, date: dt.date) -> Row:
    return {"business_date": date, "portfolio_id": portfolio.id, "run_id": f"run of {date}"}
