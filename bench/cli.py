"""`tidemark bench [WORKLOAD]...`."""

from collections.abc import Callable
from typing import Annotated

import typer
from rich.console import Console

from bench import freshness, ingest, landing, publish, var
from bench.harness import Result, scratch_stack, table
from lakehouse.errors import TidemarkError
from lakehouse.settings import Settings


class UnknownWorkloadError(TidemarkError):
    """No such workload."""


def _ingest(settings: Settings) -> list[Result]:
    found = [ingest.measure(settings, kind) for kind in ingest.FILES]
    return [
        Result(
            f"ingest_{measured.kind}",
            "rows/s",
            measured.landed_per_s,
            {"pandas, row by row": measured.pandas_per_s, "ours, until acknowledged": measured.acknowledged_per_s},
            measured.bare_per_s,
            notes=f"{measured.rows} rows of a real file until all had landed; peer and limit end at the broker",
        )
        for measured in found
        if measured is not None
    ]


WORKLOADS: dict[str, Callable[[Settings], list[Result]]] = {
    "landing": landing.run,
    "freshness": freshness.run,
    "ingest": _ingest,
    "var": var.run,
    "publish": publish.run,
}
_ENGINES = {
    "ingest": ("kafka", "s3", "topics", "buckets", "landing"),
    "var": ("spark",),
    "publish": ("s3", "clickhouse", "spark"),
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
        with scratch_stack(_ENGINES.get(name, ("kafka", "s3")), console) as settings:
            console.print(f"measuring {name} ...")
            results.extend(WORKLOADS[name](settings))
    for result in results:
        result.write()
    console.print(table(results))
