"""The demo's answer on a screen: risk, what follows from it, rows, times, and where to look."""

from rich import box
from rich.console import Console
from rich.table import Table

from lakehouse.cli.demo import action_report, risk_report
from lakehouse.cli.demo.result import DemoResult, Stage

URL_LABELS = {
    "airflow": "Airflow, the runs",
    "mlflow": "MLflow, backtests and models",
    "api": "API",
    "docs": "API docs",
    "clickhouse": "ClickHouse (HTTP)",
    "s3": "MinIO API (S3)",
    "prometheus": "Prometheus",
}
COMMANDS = (
    ".venv/bin/tidemark sql --list",
    ".venv/bin/tidemark backtest momentum --dataset sp500",
    ".venv/bin/tidemark model list",
)


def show(console: Console, result: DemoResult) -> None:
    """Print the whole answer."""
    for portfolio in result.portfolios:
        risk_report.show(console, portfolio, result.business_date)
    console.print(
        "VaR and ES are one-day losses in the base currency, positive for a loss; breaches are days of the backtest"
    )
    console.print("whose loss exceeded the VaR forecast from the days before, zones the traffic light of Basel.\n")
    action_report.show_proposals(console, result.proposals)
    action_report.show_strategies(console, result.strategies)
    action_report.show_models(console, result.models)
    if result.live:
        console.print("Live, the last day of the prices played as if it were now", style="bold")
        for line in result.live:
            console.print(f"  {line}", soft_wrap=True, highlight=False, markup=False)
        console.print()
    console.print(stage_table(result.stages))
    console.print(url_table(result))
    console.print("Try it:")
    for command in (result.curl, *COMMANDS):
        console.print(f"  {command}", soft_wrap=True, highlight=False, markup=False)
    console.print(f"\nDone in {result.seconds:.0f} s. The stack keeps running; `make down` stops it.")


def stage_table(stages: tuple[Stage, ...]) -> Table:
    """Rows and seconds, one line a stage."""
    table = Table(title="What went through", title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    table.add_column("stage")
    table.add_column("rows")
    table.add_column("seconds", justify="right")
    for stage in stages:
        rows = ", ".join(f"{count:,} {what}" for what, count in stage.rows.items())
        table.add_row(stage.name, rows, f"{stage.seconds:.1f}")
    return table


def url_table(result: DemoResult) -> Table:
    """Where to look."""
    table = Table(
        title="Where to look", title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, show_header=False
    )
    table.add_column("what")
    table.add_column("where", overflow="fold")
    for name, label in URL_LABELS.items():
        if name in result.urls:
            table.add_row(label, result.urls[name])
    return table
