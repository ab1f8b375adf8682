"""The demo's risk report on a screen: risk by method, what it comes from, what would hurt, and why the day went so."""

from decimal import Decimal

from rich import box
from rich.console import Console
from rich.table import Table

from lakehouse.cli.demo.result import ANALYSED, CONFIDENCES, METHODS, TAIL, ExplainedDay, PortfolioAnswer
from lakehouse.cli.demo.words import money, percent, signed, split, words

SHOWN = 5
"""Contributors that have a line of their own; the others share one."""
LIGHTS = {"green": "green", "yellow": "yellow", "red": "red"}


def show(console: Console, portfolio: PortfolioAnswer, business_date: str) -> None:
    """Print one portfolio's report."""
    console.print(risk_table(portfolio, business_date))
    if portfolio.detail.contributors:
        console.print(contributors_table(portfolio))
    if portfolio.detail.worst:
        days = ", ".join(f"{signed(each.pnl)} as on {each.day}" for each in portfolio.detail.worst)
        console.print(f"  Worst days again: {days}\n", highlight=False)
    if portfolio.detail.stress:
        console.print(stress_table(portfolio))
        for each in portfolio.detail.stress:
            if each.pnl is None:
                console.print(f"  {each.title} is unmeasured: {each.reason}", highlight=False, soft_wrap=True)
    if portfolio.detail.explained is not None:
        console.print(f"  {explained_line(portfolio.detail.explained)}\n", highlight=False, soft_wrap=True)


def risk_table(portfolio: PortfolioAnswer, business_date: str) -> Table:
    """VaR and ES by method; breaches, zone and change of the larger confidence."""
    title = f"{portfolio.name}: {money(portfolio.value)} {portfolio.currency} at the close of {business_date}"
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    table.add_column("method")
    for confidence in CONFIDENCES:
        for measure in ("VaR", "ES"):
            table.add_column(f"{measure} {_percent(confidence)}", justify="right")
    table.add_column(f"breaches {_percent(TAIL)}", justify="right")
    table.add_column("zone")
    since = portfolio.detail.since
    if since is not None:
        table.add_column(f"VaR {_percent(TAIL)} since {since:%m-%d}", justify="right")
    for method in METHODS:
        table.add_row(words(method), *_cells(portfolio, method))
    return table


def contributors_table(portfolio: PortfolioAnswer) -> Table:
    """Parts of VaR and ES that add up to the total, to the cent."""
    parts = portfolio.detail.contributors
    ranked = sorted(parts, key=lambda each: -abs(each.var))
    own, others = split(ranked, SHOWN)
    table = Table(
        title=f"what its {words(ANALYSED)} VaR and ES {_percent(TAIL)} come from",
        title_justify="left",
        title_style="none",
        box=box.SIMPLE_HEAD,
    )
    for heading in ("holding", "exposure", "of VaR", "of ES", "share of VaR"):
        table.add_column(heading, justify="left" if heading == "holding" else "right")
    total = sum((each.var for each in parts), Decimal(0))
    for each in sorted(own, key=lambda each: -each.var):
        table.add_row(each.symbol, money(each.exposure), money(each.var), money(each.es), percent(each.var / total))
    for name, group in ((f"{len(others)} others", others), ("in all", parts)):
        if group:
            exposure, var, es = (
                sum((getattr(each, part) for each in group), Decimal(0)) for part in ("exposure", "var", "es")
            )
            table.add_row(name, money(exposure), money(var), money(es), percent(var / total))
    return table


def stress_table(portfolio: PortfolioAnswer) -> Table:
    """What every scenario that could be measured would do, by kind, the greatest loss first."""
    table = Table(title="what stress would do", title_justify="left", title_style="none", box=box.SIMPLE_HEAD)
    table.add_column("scenario")
    for heading in ("gain or loss", "of the value", "lowest close"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for each in portfolio.detail.stress:
        if each.pnl is None:
            continue
        share = "" if each.share is None else percent(each.share)
        lowest = "" if each.worst is None else signed(each.worst)
        told = "" if each.distance is None else f"{each.distance:.1f} daily deviations away"
        table.add_row(each.title, signed(each.pnl), share, lowest, told)
    return table


def explained_line(day: ExplainedDay) -> str:
    """Why the day went as it did: the parts that are not zero, which sum to the gain."""
    if day.total is None:
        return f"The day is unmeasured: {day.reason}"
    share = "" if day.share is None else f" ({percent(day.share)})"
    parts = ", ".join(f"{words(name)} {signed(amount)}" for name, amount in day.parts.items() if amount)
    return f"Gain since {day.since}: {signed(day.total)}{share}, of {parts or 'nothing that moved'}"


def _cells(portfolio: PortfolioAnswer, method: str) -> list[str]:
    cells = []
    for confidence in CONFIDENCES:
        risk = portfolio.risk(method, confidence)
        cells += ["not published", ""] if risk is None else [money(risk.var), money(risk.es)]
    tail, detail = portfolio.risk(method, TAIL), portfolio.detail
    cells.append("" if tail is None else f"{tail.breaches} of {tail.backtest_days} d")
    zone = detail.zones.get(method, "")
    cells.append(f"[{LIGHTS[zone]}]{zone}[/]" if zone in LIGHTS else zone)
    if detail.since is not None:
        cells.append(signed(detail.changes[method]) if method in detail.changes else "")
    return cells


def _percent(confidence: str) -> str:
    return f"{int(Decimal(confidence) * 100)} %"
