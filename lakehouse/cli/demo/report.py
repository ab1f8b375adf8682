"""The demo's answer on a screen: risk, rows, times, and where to look."""

from decimal import Decimal

from rich import box
from rich.console import Console
from rich.table import Table

from lakehouse.cli.demo.result import CONFIDENCES, METHODS, DemoResult, PortfolioAnswer, Stage

URL_LABELS = {
    "airflow": "Airflow, the runs",
    "mlflow": "MLflow",
    "api": "API",
    "docs": "API docs",
    "clickhouse": "ClickHouse (HTTP)",
    "s3": "MinIO API (S3)",
    "prometheus": "Prometheus",
}


def show(console: Console, result: DemoResult) -> None:
    """Print the whole answer."""
    for portfolio in result.portfolios:
        console.print(risk_table(portfolio, result.business_date))
    console.print(
        "VaR and ES are one-day losses in the base currency, positive for a loss; breaches are days of the backtest"
    )
    console.print("whose loss exceeded the VaR forecast from the days before.\n")
    console.print(stage_table(result.stages))
    console.print(url_table(result))
    console.print("Try it:")
    console.print(f"  {result.curl}", soft_wrap=True, highlight=False, markup=False)
    console.print(f"\nDone in {result.seconds:.0f} s. The stack keeps running; `make down` stops it.")


def risk_table(portfolio: PortfolioAnswer, business_date: str) -> Table:
    """VaR and ES by method, one column a confidence."""
    title = f"{portfolio.name}: {_money(portfolio.value)} {portfolio.currency} at the close of {business_date}"
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    table.add_column("method")
    for confidence in CONFIDENCES:
        percent = f"{int(Decimal(confidence) * 100)} %"
        for heading in (f"VaR {percent}", f"ES {percent}", f"breaches {percent}"):
            table.add_column(heading, justify="right")
    for method in METHODS:
        table.add_row(method.replace("_", " "), *_cells(portfolio, method))
    return table


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


def _cells(portfolio: PortfolioAnswer, method: str) -> list[str]:
    cells = []
    for confidence in CONFIDENCES:
        risk = portfolio.risk(method, confidence)
        if risk is None:
            cells += ["not published", "not published", ""]
        else:
            cells += [_money(risk.var), _money(risk.es), f"{risk.breaches} of {risk.backtest_days} d"]
    return cells


def _money(amount: Decimal) -> str:
    return f"{amount:,.2f}"
