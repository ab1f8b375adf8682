"""`tidemark backtest`: its options as one value. They are too many for arguments, so typer reads a dataclass."""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from lakehouse.errors import TidemarkError

SP500, LAKE = "sp500", "lake"


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("backtest")(command(backtest))


def backtest(options: "Options") -> None:
    """Run a strategy over history: signals of a close are traded the next day, with costs, and without seeing ahead.

    Several values of a parameter are several trials: the best is shown with its Sharpe ratio deflated by all of them,
    or, with --walk-forward, chosen anew by each training window. Writes report.html, report.png, trades.csv and
    equity.csv.
    """
    # Here, because it brings NumPy and SciPy: other commands do not wait for them.
    from lakehouse.cli.backtest import show

    show(options)


class BadOption(TidemarkError):
    """Options that do not go together, or a text that cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the user asked for."""

    strategy: Annotated[str, typer.Argument(metavar="STRATEGY", help="Its name; --list shows all.")] = ""
    listed: Annotated[bool, typer.Option("--list", help="Show all strategies and their parameters.")] = False
    start: Annotated[str, typer.Option(metavar="YYYY-MM-DD", help="First day; all that there is when left out.")] = ""
    end: Annotated[str, typer.Option(metavar="YYYY-MM-DD", help="Last day.")] = ""
    symbols: Annotated[str, typer.Option(help="Names, separated by commas; all when left out.")] = ""
    dataset: Annotated[
        str, typer.Option(help="lake: silver.daily_bars_v1. sp500: 20 names from 1990 to 2022, needs no stack.")
    ] = LAKE
    currency: Annotated[str, typer.Option(help="ISO 4217 code of the bars to use, where they are in several.")] = ""
    param: Annotated[
        list[str], typer.Option(metavar="K=V", help="A parameter. K=V1,V2 tries each, and every trial counts.")
    ] = field(default_factory=list)
    signals: Annotated[Path | None, typer.Option(help="For `signals`: CSV or Parquet of date, symbol, weight.")] = None
    cash: Annotated[float, typer.Option(help="Capital at the start.")] = 1_000_000.0
    cost_bps: Annotated[float, typer.Option(help="Commission, basis points of the traded amount.")] = 1.0
    per_share: Annotated[float, typer.Option(help="Commission a unit.")] = 0.0
    min_cost: Annotated[float, typer.Option(help="Least commission of an order.")] = 0.0
    spread_bps: Annotated[float, typer.Option(help="Half of the bid-ask spread, basis points of the price.")] = 1.0
    impact: Annotated[float, typer.Option(help="Square-root impact: 1 is volatility x sqrt(share of volume).")] = 0.0
    borrow_bps: Annotated[float, typer.Option(help="Cost of shorts, basis points a year.")] = 50.0
    cash_bps: Annotated[float, typer.Option(help="Interest on cash, basis points a year.")] = 0.0
    max_gross: Annotated[float, typer.Option(help="Bound on long plus short, times equity; above 1 is leverage.")] = 1.0
    lot: Annotated[float, typer.Option(help="Smallest tradable quantity; 0 for fractions.")] = 1.0
    delisting_return: Annotated[
        float,
        typer.Option(help="What instruments that end before the last day pay then: -0.3 is 30 % below their last."),
    ] = 0.0
    benchmark: Annotated[
        str, typer.Option(help="A symbol to compare with; all instruments, bought and held, when left out.")
    ] = ""
    fill: Annotated[
        str, typer.Option(help="next_open or next_close, of the day after the decision; next_open if opens are known.")
    ] = ""
    walk_forward: Annotated[
        str, typer.Option(metavar="TRAIN,TEST", help="Days: choose parameters by TRAIN days, judge on the next TEST.")
    ] = ""
    purge: Annotated[int, typer.Option(help="Days left out between training and test: what decisions overlap.")] = 1
    embargo: Annotated[int, typer.Option(help="More days left out there: what still echoes.")] = 0
    event: Annotated[bool, typer.Option("--event", help="Also run the event-driven gear and compare the two.")] = False
    seed: Annotated[int, typer.Option(help="Of the days at which looking ahead is tested.")] = 1
    out: Annotated[Path, typer.Option(help="Folder of the report.")] = Path("backtest")

    def chosen_symbols(self) -> tuple[str, ...]:
        """The names asked for."""
        return tuple(name.strip() for name in self.symbols.split(",") if name.strip())

    def grid(self) -> dict[str, list[str]]:
        """Values of each parameter. Raises BadOption."""
        found: dict[str, list[str]] = {}
        for text in self.param:
            name, equals, values = text.partition("=")
            if not equals or not name or not values:
                raise BadOption(f"--param {text}: write it as name=value, or name=value1,value2")
            found[name] = values.split(",")
        return found

    def split(self) -> tuple[int, int] | None:
        """Days to train and to test, None without a walk-forward. Raises BadOption."""
        if not self.walk_forward:
            return None
        try:
            train, test = map(int, self.walk_forward.split(","))
        except ValueError:
            raise BadOption(f"--walk-forward {self.walk_forward}: write it as TRAIN,TEST, for example 756,63") from None
        return train, test


def command(run: Callable[[Options], None]) -> Callable[..., None]:
    """`run` as a function whose arguments are the fields of Options: what typer reads."""
    hints = get_type_hints(Options, include_extras=True)

    def called(**told: Any) -> None:
        run(Options(**told))

    arguments = [
        inspect.Parameter(
            each.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=[] if each.default is MISSING else each.default,
            annotation=hints[each.name],
        )
        for each in fields(Options)
    ]
    vars(called)["__signature__"] = inspect.Signature(arguments)
    called.__doc__ = run.__doc__
    return called
