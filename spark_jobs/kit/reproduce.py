"""Recompute an earlier run from its pinned inputs and parameters, publish nothing, and compare."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from lakehouse.clock import Clock
from lakehouse.domain.ids import uuid7
from lakehouse.settings import S3Settings, Settings
from lakehouse.stores import postgres
from spark_jobs.kit.errors import DataError
from spark_jobs.kit.lake import Lake
from spark_jobs.kit.manifest import Manifest, code_version
from spark_jobs.kit.model import Batch
from spark_jobs.kit.run import OnStep, Run, Steps, quiet
from spark_jobs.kit.runs import RunLog
from spark_jobs.kit.session import opened
from spark_jobs.kit.staging import Staging, stage_and_audit, sweep_untouched

AREA = "reproduce"
"""Staging of recomputed runs: not the job's own, which the job's next run sweeps. optimize_lake sweeps this one."""
ABANDONED_AFTER = timedelta(days=1)
"""No recomputation writes nothing for as long: what is older was left by a killed one."""


class IrreproducibleError(DataError):
    """The job reads something that keeps no versions."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an earlier run's content was computed again, with each table's content hash then and now."""

    run_id: str
    reproduced: bool
    hashes: Mapping[str, tuple[str, str]]
    code_then: str
    code_now: str

    def document(self) -> dict[str, Any]:
        """The verdict as JSON values."""
        return asdict(self)


def reproduce(job: Batch, run_id: str, settings: Settings, *, clock: Clock, on_step: OnStep = quiet) -> Verdict:
    """Compute run `run_id` again. Raises UnknownRunError; IrreproducibleError for a job whose inputs have no versions;
    Delta's own error where a pinned version is past its retention."""
    with postgres.connect(settings.postgres) as connection:
        original = RunLog(connection, job.spec).require(run_id)
    if job.irreproducible:
        raise IrreproducibleError(f"{job.spec.name} cannot be recomputed: {job.irreproducible}")
    with opened(settings.spark, f"reproduce {run_id}") as session:
        staging = Staging(session, settings.s3, AREA, str(uuid7(clock)))
        try:
            run = _run(original, settings, Lake(session, settings.s3))
            outputs = job.compute(run, original.parameters).outputs
            found = stage_and_audit(outputs, staging, Steps(clock, on_step), run)
        finally:
            staging.clear()
    hashes = {name: (then.content_hash, found[name].audit.content_hash) for name, then in original.outputs.items()}
    return Verdict(
        run_id=run_id,
        reproduced=all(then == now for then, now in hashes.values()),
        hashes=hashes,
        code_then=original.code_version,
        code_now=code_version(),
    )


def sweep(section: S3Settings, now: datetime) -> int:
    """Delete what killed recomputations left in staging more than a day ago; return how many objects it was."""
    return sweep_untouched(section, AREA, now - ABANDONED_AFTER)


def _run(original: Manifest, settings: Settings, lake: Lake) -> Run:
    return Run(
        run_id=original.run_id,
        job=original.job,
        business_date=original.business_date,
        settings=settings,
        lake=lake,
        status=lambda _: {},
        original=original,
    )
