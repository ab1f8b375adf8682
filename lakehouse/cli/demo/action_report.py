"""What follows from the day on a screen: trades that are proposed, strategies that were tested, models in use."""

from decimal import Decimal

from rich import box
from rich.console import Console
from rich.table import Table

from lakehouse.cli.demo.result import ModelState, Proposal, StrategyResult, Trade
from lakehouse.cli.demo.words import money, percent, split, words

SHOWN = 5
"""Trades that have a line of their own: the largest."""
CREDIBLE = 0.95
"""Deflated Sharpe ratio from which a result is more than the luck of many trials."""


def show_proposals(console: Console, proposals: tuple[Proposal, ...]) -> None:
    """Print what to trade in each portfolio, or why nothing."""
    for each in proposals:
        console.print(
            f"[bold]Proposal for {each.portfolio}[/]: {words(each.objective)}, "
            f"{each.regime} market by {each.regime_source}: {words(each.status)}"
            + (f" ({'; '.join(each.reasons)})" if each.reasons else ""),
            highlight=False,
            soft_wrap=True,
        )
        if not each.trades:
            console.print()
            continue
        for line in _summary(each):
            console.print(f"  {line}", highlight=False)
        console.print(trades_table(each.trades))


def _summary(each: Proposal) -> tuple[str, str]:
    before, after = each.before, each.after
    return (
        f"turnover {percent(each.turnover)}, cost {money(each.cost)} {each.currency}, "
        f"cash {money(each.cash_before)} -> {money(each.cash_after)}, "
        f"drift {percent(each.drift_before)} -> {percent(each.drift_after)}",
        f"volatility {percent(before.volatility)} -> {percent(after.volatility)} a year, "
        f"VaR 99 % {percent(before.var_99)} -> {percent(after.var_99)} of the value a day",
    )


def trades_table(trades: tuple[Trade, ...]) -> Table:
    """The largest trades, the others in one line, and all; in whole units."""
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("trade", "units", "at", "amount", "cost"):
        table.add_column(heading, justify="left" if heading == "trade" else "right")
    ranked = sorted(trades, key=lambda each: -each.notional)
    own, others = split(ranked, SHOWN)
    for each in own:
        row = (f"{each.quantity:,f}", money(each.price), money(each.notional), money(each.cost))
        table.add_row(f"{each.side} {each.symbol}", *row)
    for name, group in ((f"{len(others)} others", others), (f"{len(trades)} trades", ranked)):
        if group:
            amount, cost = (sum((getattr(each, part) for each in group), Decimal(0)) for part in ("notional", "cost"))
            table.add_row(name, "", "", money(amount), money(cost))
    return table


def strategy_table(strategies: tuple[StrategyResult, ...]) -> Table:
    """One line a strategy, the most credible first."""
    first, last = min(each.first_date for each in strategies), max(each.last_date for each in strategies)
    table = Table(
        title=f"Strategies walked forward with costs, {first} to {last}: past results, hypothetical money",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
    )
    table.add_column("strategy")
    headings = ("return a year", "Sharpe", "deflated Sharpe", "max drawdown", "trials", "best trial's Sharpe")
    for heading in headings:
        table.add_column(heading, justify="right")
    for each in strategies:
        table.add_row(
            words(each.strategy),
            percent(each.annual_return),
            f"{each.sharpe:.2f}",
            f"{each.deflated_sharpe:.2f}",
            percent(each.max_drawdown),
            str(each.trials),
            f"{each.best_sharpe:.2f}",
        )
    return table


def show_strategies(console: Console, strategies: tuple[StrategyResult, ...]) -> None:
    """Print the table, what to believe of it, and where the report on the best of them is."""
    if not strategies:
        return
    console.print(strategy_table(strategies))
    credible = sum(each.deflated_sharpe >= CREDIBLE for each in strategies)
    console.print(
        f"  deflated Sharpe: how likely skill is after all trials; below {CREDIBLE} it may be luck: "
        f"{len(strategies) - credible} of {len(strategies)}.",
        highlight=False,
    )
    console.print(f"  survivorship: {strategies[0].survivorship}", highlight=False)
    if strategies[0].report:
        console.print(
            f"  Report with equity, drawdown and months (HTML and PNG): {strategies[0].report}\n", soft_wrap=True
        )


def show_models(console: Console, models: tuple[ModelState, ...]) -> None:
    """Print each trained model: promoted, or refused and why."""
    for each in models:
        stays = "" if each.champion is None else f" (version {each.champion} stays in use)"
        said = "promoted" if each.champion == each.version else f"not promoted{stays}"
        gate = "its gate accepted it" if each.accepted else "its gate refused it"
        console.print(f"[bold]Model {words(each.name)}[/], version {each.version}: {said}; {gate}", highlight=False)
        for reason in each.reasons:
            console.print(f"  - {reason}", highlight=False, markup=False)
        console.print(f"  {each.url}\n", soft_wrap=True)
