"""A backtest to look at: one picture (equity, drawdown, monthly returns) and one page that needs nothing else."""

import base64
import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Final

import numpy as np

from lakehouse.backtest.metrics import drawdown, monthly
from lakehouse.backtest.png import figure, png
from lakehouse.backtest.result import Result
from lakehouse.backtest.sharpe import minimum_track, track_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHOWN_TRADES: Final = 1_000
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
PERCENT: Final = frozenset(
    {
        "total_return",
        "annual_return",
        "volatility",
        "max_drawdown",
        "best_day",
        "worst_day",
        "benchmark_return",
        "excess_return",
        "alpha",
        "tracking_error",
        "probabilistic_sharpe",
        "deflated_sharpe",
    }
)
COUNTS: Final = frozenset({"trials", "orders", "trades"})
STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; padding: 0 1rem; color: #1b1f24; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; } img { max-width: 100%; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
td, th { padding: .2rem .9rem .2rem 0; text-align: left; border-bottom: 1px solid #e4e7eb; }
td.n { text-align: right; } .told { color: #57606a; }
"""


def readable(name: str, value: float) -> str:
    """A metric for people: percent, a count, or three digits."""
    if name in PERCENT:
        return f"{value:.2%}"
    return f"{value:,.0f}" if name in COUNTS or name == "costs" else f"{value:,.3f}"


def picture(result: Result, title: str) -> bytes:
    """PNG of equity beside the benchmark, drawdown, and returns by month."""
    years, _ = monthly(result)
    drawn = figure(11, 7 + 0.3 * len(years))
    above, below, heat = drawn.subplots(3, 1, height_ratios=[4, 1.6, 1 + 0.3 * len(years)])
    drawn.suptitle(title)
    _equity(above, result)
    _drawdown(below, result)
    _heat(heat, result)
    return png(drawn)


def page(
    result: Result, metrics: Mapping[str, float], title: str, parameters: Mapping[str, object], image: bytes
) -> str:
    """One HTML page with everything in it. It loads nothing. `metrics` by name, as Metrics.document() has them."""
    numbers = [(name.replace("_", " "), readable(name, value)) for name, value in metrics.items()]
    terms = [(name.replace("_", " "), str(value)) for name, value in {**parameters, **result.rules.document()}.items()]
    picture_data = base64.b64encode(image).decode("ascii")
    span = f"{result.dates[0]} to {result.dates[-1]}, {len(result.symbols)} instruments"
    said = [
        f"Survivorship: {result.survivorship}.",
        f"Looking ahead: {result.evidence}.",
        f"Trials behind this result: {result.trials}.",
        _track(result),
        "A decision of a day's close is traded on the next day.",
    ]
    parts = [
        f"<h1>{escape(title)}</h1><p class='told'>{escape(span)}</p>",
        f"<img alt='equity, drawdown and monthly returns' src='data:image/png;base64,{picture_data}'>",
        "<h2>What to know before believing it</h2>",
        "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in said) + "</ul>",
        "<h2>Numbers</h2>" + _table(("metric", "value"), numbers),
        "<h2>Parameters and conventions</h2>" + _table(("name", "value"), terms),
        _trades(result),
    ]
    return (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{escape(title)}</title>"
        f"<style>{STYLE}</style></head><body>{''.join(parts)}</body></html>"
    )


def _track(result: Result) -> str:
    """How long a track record its Sharpe ratio needs (Bailey and Lopez de Prado 2012)."""
    track = track_of(result.excess)
    needed = minimum_track(track)
    days = f"Track record: {track.observations:,} days"
    if math.isinf(needed):
        return f"{days}; no number of days would show that its Sharpe ratio is above 0."
    return f"{days}; a Sharpe ratio like this one, of a single trial, takes {needed:,.0f} to be above 0 at 95 %."


def trades_csv(result: Result) -> str:
    """Every fill: date, symbol, side, units, price, fee and whether a delisting made it."""
    lines = ["date,symbol,side,units,price,fee,delisting"]
    lines += [",".join(row) for row in _trade_rows(result, len(result.trades))]
    return "\n".join(lines) + "\n"


def _trade_rows(result: Result, count: int) -> list[tuple[str, ...]]:
    trades = result.trades
    return [
        (
            str(result.dates[trades.day[place]]),
            result.symbols[trades.column[place]],
            "buy" if trades.units[place] > 0 else "sell",
            f"{abs(trades.units[place]):.10g}",
            f"{trades.price[place]:.10g}",
            f"{trades.fee[place]:.10g}",
            str(bool(trades.delisting[place])).lower(),
        )
        for place in range(count)
    ]


def _trades(result: Result) -> str:
    shown = min(len(result.trades), SHOWN_TRADES)
    told = f"the first {shown:,} of {len(result.trades):,}; trades.csv has all" if shown < len(result.trades) else "all"
    head = ("date", "symbol", "side", "units", "price", "fee", "delisting")
    return f"<h2>Trades ({told})</h2>" + _table(head, _trade_rows(result, shown))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _equity(axes: "Axes", result: Result) -> None:
    days = result.dates.astype("datetime64[D]")
    axes.plot(days, result.equity / result.rules.initial_cash, label="strategy", linewidth=1.4)
    if result.benchmark is not None:
        axes.plot(days, result.benchmark / result.benchmark[0], label="benchmark", linewidth=1.0, alpha=0.7)
    axes.set_ylabel("times the capital")
    axes.set_yscale("log" if result.equity.min() > 0 else "linear")
    # 2 and not 2 x 10^0; between powers of ten only where there is room.
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("{x:g}" if result.equity.max() < 10 * result.equity.min() else "")
    axes.grid(visible=True, alpha=0.3)
    axes.legend(loc="upper left")


def _drawdown(axes: "Axes", result: Result) -> None:
    axes.fill_between(result.dates.astype("datetime64[D]"), -100 * drawdown(result), 0, alpha=0.5, color="tab:red")
    axes.set_ylabel("drawdown, %")
    axes.grid(visible=True, alpha=0.3)


def _heat(axes: "Axes", result: Result) -> None:
    years, table = monthly(result)
    known = np.abs(table[np.isfinite(table)])
    bound = max(float(known.max()) if len(known) else 0.0, 0.01)
    axes.imshow(table, cmap="RdYlGn", vmin=-bound, vmax=bound, aspect="auto")
    axes.set_xticks(range(len(MONTHS)), MONTHS)
    axes.set_yticks(range(len(years)), [str(year) for year in years])
    for row, column in np.argwhere(np.isfinite(table)).tolist():
        axes.text(column, row, f"{100 * table[row, column]:.1f}", ha="center", va="center", fontsize=7)
    axes.set_title("return by month, %", fontsize=10)
