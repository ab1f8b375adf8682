"""`tidemark backtest STRATEGY`: what a strategy would have earned, with everything needed to doubt it."""

from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from rich.console import Console
from rich.table import Table

from lakehouse.backtest.benchmark import bought_and_held
from lakehouse.backtest.causality import prove
from lakehouse.backtest.event import play_weights
from lakehouse.backtest.gate import require_equal
from lakehouse.backtest.market import Market
from lakehouse.backtest.metrics import Metrics, measure
from lakehouse.backtest.report import page, picture, readable, trades_csv
from lakehouse.backtest.result import Result
from lakehouse.backtest.rules import TRADING_DAYS, Costs, Fill, Rules
from lakehouse.backtest.splits import WalkForward
from lakehouse.backtest.strategies.kit import Strategy
from lakehouse.backtest.strategies.registry import SIGNALS, STRATEGIES, build, parameters as parameters_of, summary
from lakehouse.backtest.tables import part
from lakehouse.backtest.walk_forward import Trials, try_all, walk
from lakehouse.cli import backtest_data as data
from lakehouse.cli.backtest_options import SP500, BadOption, Options
from lakehouse.risk.checks import FloatArray

# Strategies look back a year at most: two and a bit show whether they look ahead, without solving for decades.
PROOF_DAYS = 600
PROOF_CUTS = 2


@dataclass(frozen=True, slots=True)
class Candidate:
    """A strategy with the parameters that were asked for."""

    told: dict[str, str]
    strategy: Strategy


@dataclass(frozen=True, slots=True)
class Done:
    """What is shown and written."""

    result: Result
    metrics: Metrics
    parameters: dict[str, str]


def show(options: Options) -> None:
    """Do what the options ask for, and print it."""
    console = Console(soft_wrap=True, highlight=False)
    if options.listed:
        console.print(_catalogue())
        return
    candidates = _candidates(options)
    whole, fill = data.market(options.dataset, options.currency)
    rules = _rules(options, fill)
    market = _market(options, whole, rules)
    trials = try_all(market, [each.strategy for each in candidates], rules)
    best = int(np.argmax(trials.sharpes))
    done = _measured(options, market, rules, trials, candidates)
    evidence = _evidence(options, candidates[best].strategy, market)
    told = "; ".join([evidence, *_gate(options, market, trials.weights[best], rules, trials.results[best])])
    parameters = {**done.parameters, "benchmark": _compared(options)}
    done = replace(done, result=done.result.checked(told), parameters=parameters)
    _write(options, done)
    console.print(_numbers(options, done))
    console.print(f"survivorship: {done.result.survivorship}\nlooking ahead: {done.result.evidence}", markup=False)
    console.print(f"report: {(options.out / 'report.html').resolve()}", markup=False)


def _market(options: Options, whole: Market, rules: Rules) -> Market:
    """What was asked for of the `whole`, with its benchmark."""
    found = part(whole, symbols=options.chosen_symbols(), start=options.start, end=options.end)
    market = replace(
        found,
        cash_rate=np.full(found.days, options.cash_bps / 10_000 / TRADING_DAYS),
        delisting_return=np.full(len(found.symbols), options.delisting_return),
    )
    if options.benchmark:
        alone = part(whole, symbols=(options.benchmark,), start=options.start, end=options.end)
        return replace(market, benchmark=bought_and_held(alone, rules))
    return market if market.benchmark is not None else replace(market, benchmark=bought_and_held(market, rules))


def _compared(options: Options) -> str:
    if options.benchmark:
        return f"{options.benchmark}, bought and held"
    return "S&P 500" if options.dataset == SP500 else "all instruments in equal parts, bought and held"


def _rules(options: Options, usual: Fill) -> Rules:
    if options.fill not in ("", *Fill):
        raise BadOption(f"--fill {options.fill}: it is {' or '.join(Fill)}")
    costs = Costs(
        commission_bps=options.cost_bps,
        per_share=options.per_share,
        minimum=options.min_cost,
        half_spread_bps=options.spread_bps,
        impact=options.impact,
    )
    return Rules(
        initial_cash=options.cash,
        fill=Fill(options.fill) if options.fill else usual,
        costs=costs,
        max_gross=options.max_gross,
        lot=options.lot,
        borrow_rate=options.borrow_bps / 10_000,
    )


def _candidates(options: Options) -> list[Candidate]:
    if options.strategy == SIGNALS:
        if options.signals is None or options.param:
            raise BadOption("signals takes --signals FILE, and no --param")
        return [Candidate({"signals": options.signals.name}, data.signals(options.signals))]
    if not options.strategy:
        raise BadOption("name a strategy: `tidemark backtest --list` shows all")
    grid = options.grid()
    told = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    return [Candidate(each, build(options.strategy, each)) for each in told]


def _measured(options: Options, market: Market, rules: Rules, trials: Trials, candidates: list[Candidate]) -> Done:
    split = options.split()
    if split is None:
        best = int(np.argmax(trials.sharpes))
        result = trials.results[best]
        return Done(result, measure(result), _told(options.strategy, candidates[best]))
    plan = WalkForward(train=split[0], test=split[1], purge=options.purge, embargo=options.embargo)
    walked = walk(market, trials, rules, plan)
    told = {
        "strategy": options.strategy,
        "walk_forward": f"train {plan.train} days, test {plan.test}, purge {plan.purge}, embargo {plan.embargo}",
        "chosen": " > ".join(str(candidates[each].told) for each in dict.fromkeys(walked.chosen)),
    }
    return Done(walked.result, measure(walked.result), told)


def _told(name: str, candidate: Candidate) -> dict[str, str]:
    defaults = {} if name == SIGNALS else {each.name: str(each.default) for each in parameters_of(name)}
    return {"strategy": name, **defaults, **candidate.told}


def _evidence(options: Options, strategy: Strategy, market: Market) -> str:
    if options.strategy == SIGNALS:
        return "signals are taken as known at the close of their date: this cannot be proven from a file"
    recent = market.between(max(0, market.days - PROOF_DAYS), market.days)
    return prove(strategy, recent, seed=options.seed, cuts=PROOF_CUTS)


def _gate(options: Options, market: Market, weights: FloatArray, rules: Rules, result: Result) -> list[str]:
    if not options.event:
        return []
    played = play_weights(market, weights, rules)
    require_equal(result, played.result)
    return [f"the event-driven gear gave the same trades and equity, in {played.events:,} events"]


def _write(options: Options, done: Done) -> None:
    options.out.mkdir(parents=True, exist_ok=True)
    title = f"{options.strategy}, {done.result.dates[0]} to {done.result.dates[-1]}"
    image = picture(done.result, title)
    (options.out / "report.png").write_bytes(image)
    html = page(done.result, done.metrics.document(), title, done.parameters, image)
    (options.out / "report.html").write_text(html, encoding="utf-8")
    (options.out / "trades.csv").write_text(trades_csv(done.result), encoding="utf-8")
    rows = zip(done.result.dates, done.result.equity.tolist(), done.result.cash.tolist(), strict=True)
    lines = ["date,equity,cash", *(f"{day},{equity:.10g},{cash:.10g}" for day, equity, cash in rows)]
    (options.out / "equity.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _numbers(options: Options, done: Done) -> Table:
    result = done.result
    shown = Table(
        title=f"{options.strategy}: {result.dates[0]} to {result.dates[-1]}, {len(result.symbols)} instruments",
        caption=", ".join(f"{name}={value}" for name, value in done.parameters.items() if name != "strategy"),
    )
    shown.add_column("metric")
    shown.add_column("value", justify="right")
    for name, value in done.metrics.document().items():
        shown.add_row(name.replace("_", " "), readable(name, value))
    return shown


def _catalogue() -> Table:
    shown = Table(title="Strategies")
    for name in ("strategy", "what it does", "parameters"):
        shown.add_column(name, no_wrap=name == "strategy")
    for name in STRATEGIES:
        shown.add_row(name, summary(name), "\n".join(f"{each.name}={each.default}" for each in parameters_of(name)))
    shown.add_row(SIGNALS, "Weights from a file, known at the close of their date.", "--signals FILE")
    return shown
