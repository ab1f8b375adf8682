"""`tidemark bench [WORKLOAD]...`."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Annotated

import psutil
import typer
from rich.console import Console

from bench import backtest, freshness, hot, ingest, landing, publish, quotes, scaling, serving, var
from bench.harness import Result, scratch_stack, stolen, table
from lakehouse.errors import TidemarkError
from lakehouse.settings import Settings, load


class UnknownWorkloadError(TidemarkError):
    """No such workload."""


WORKLOADS: dict[str, Callable[[Settings], list[Result]]] = {
    "landing": landing.run,
    "freshness": freshness.run,
    "ingest": ingest.run,
    "quotes": quotes.run,
    "var": var.run,
    "scaling": scaling.run,
    "publish": publish.run,
    "serving": serving.run,
    "backtest": backtest.run,
    "hot": hot.run,
}
_ENGINES = {
    "ingest": ("landing",),
    "quotes": ("quotes",),
    "var": ("spark",),
    "scaling": ("spark",),
    "publish": ("s3", "clickhouse", "spark"),
    "serving": ("api",),
    "hot": ("redis", "outbox"),
    "backtest": (),
}


def bench(
    workloads: Annotated[list[str] | None, typer.Argument(help=f"of {', '.join(WORKLOADS)}; default: all")] = None,
) -> None:
    """Measure workloads beside a peer and their limit, on a scratch stack; one JSON file each in bench/out."""
    console = Console()
    unknown = set(workloads or ()) - set(WORKLOADS)
    if unknown:
        raise UnknownWorkloadError(f"no workload {', '.join(sorted(unknown))}; there are {', '.join(WORKLOADS)}")
    results: list[Result] = []
    for name in workloads or WORKLOADS:
        engines = _ENGINES.get(name, ("kafka", "s3"))
        with scratch_stack(engines, console) if engines else nullcontext(load()) as settings:
            console.print(f"measuring {name} ...")
            since = psutil.cpu_times()
            measured = WORKLOADS[name](settings)
            console.print(f"{name}: {stolen(since, psutil.cpu_times()):.0%} of the cores' time went to other machines")
        for result in measured:
            result.write()
        if not measured:
            console.print(f"{name} was not measured: its input is not on this machine, see bench/README.md")
        results.extend(measured)
    console.print(table(results))
