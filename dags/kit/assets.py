"""The tables of the contracts as Airflow assets, partitioned by business date."""

from collections.abc import Iterable

from airflow.sdk import Asset, AssetAll

from lakehouse.contracts.jobs import JOBS, job
from lakehouse.contracts.model import ContractError
from lakehouse.contracts.tables import table


def asset(name: str) -> Asset:
    """The asset of the table called `name`. Raises ContractError where no contract has that name."""
    found = table(name)
    return Asset(name=found.name, uri=f"tidemark://{found.layer}/{found.short_name}", group="tables")


def awaited_tables(names: Iterable[str]) -> tuple[str, ...]:
    """The tables that the jobs called `names` read, do not write themselves, and that some other job writes; sorted."""
    own = [job(name) for name in names]
    written = {output for spec in JOBS.values() for output in spec.outputs}
    written_here = {output for spec in own for output in spec.outputs}
    return tuple(sorted({read for spec in own for read in spec.inputs} & written - written_here))


def awaited(names: Iterable[str]) -> AssetAll:
    """What the jobs `names` wait for: all their awaited_tables. Raises ContractError for none."""
    wanted = awaited_tables(names)
    if not wanted:
        raise ContractError(f"the jobs {', '.join(names)} read nothing that another job writes: give a cron schedule")
    return AssetAll(*map(asset, wanted))
