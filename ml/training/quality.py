"""What a training has measured, as rows that analysts read in ClickHouse; MLflow's run holds the same numbers."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from clickhouse_connect.driver.exceptions import ClickHouseError

from lakehouse.clock import Clock
from lakehouse.contracts.job_process import JobExit
from lakehouse.contracts.tables.model_quality import MODEL_QUALITY
from lakehouse.errors import TidemarkError
from lakehouse.settings import ClickHouseSettings
from lakehouse.stores import clickhouse
from ml.evaluation.calibration import Coverage, ReliabilityBin
from ml.evaluation.drift import Drift
from ml.registry.registering import Registered


class QualityStoreError(TidemarkError):
    """ClickHouse did not take the rows. Worth another try: the model itself is registered."""

    exit_code = JobExit.UNAVAILABLE


@dataclass(frozen=True, slots=True)
class Measured:
    """One number; see the columns of the contract."""

    aspect: str
    subject: str
    metric: str
    value: float
    sample_count: int = 0
    verdict: str = ""


def of_folds(folds: Sequence[Mapping[str, float]]) -> Iterator[Measured]:
    """Every metric of every fold, the oldest being fold 1."""
    for number, fold in enumerate(folds, start=1):
        yield from (Measured("fold", str(number), metric, value) for metric, value in fold.items())


def of_frozen(name: str, metrics: Mapping[str, float], count: int) -> Iterator[Measured]:
    """Every metric of a frozen set."""
    yield from (Measured("frozen", name, metric, value, count) for metric, value in metrics.items())


def of_calibration(table: Iterable[ReliabilityBin]) -> Iterator[Measured]:
    """Forecast and frequency of every bin."""
    for each in table:
        subject = f"{each.lower:.2f}-{each.upper:.2f}"
        yield Measured("calibration", subject, "forecast", each.forecast, each.count)
        yield Measured("calibration", subject, "frequency", each.frequency, each.count)


def of_coverage(found: Iterable[Coverage], *, independent: bool) -> Iterator[Measured]:
    """How often outcomes stayed below each foretold quantile, with the p-value of that where outcomes are independent:
    many names on one day are not, and a test that counts them so finds every model wrong."""
    for each in found:
        numbers = {"observed": each.observed, **({"p_value": each.p_value} if independent else {})}
        for metric, value in numbers.items():
            yield Measured("calibration", f"quantile {each.level:g}", metric, value, each.count)


def of_drift(found: Iterable[Drift]) -> Iterator[Measured]:
    """The numbers of every feature; of one with too few values how many those are."""
    for each in found:
        numbers = {"psi": each.psi, "ks": each.ks, "p_value": each.p_value, "q_value": each.q_value}
        for metric, value in {**numbers, "current_count": float(each.current_count)}.items():
            if value is not None:
                yield Measured("drift", each.feature, metric, value, each.current_count, each.shift.value)


def record(section: ClickHouseSettings, done: Registered, day: date, rows: Iterable[Measured], *, clock: Clock) -> int:
    """Write the rows of a version and day, once: a second call finds them there. Returns how many there are.

    Raises QualityStoreError.
    """
    found = list(rows)
    try:
        with clickhouse.connect(section) as client:
            known = client.query(
                "SELECT count() FROM model_quality_v1 WHERE model = {model:String} AND version = {version:Int32} "
                "AND business_date = {day:Date32}",
                parameters={"model": done.name, "version": done.version, "day": day},
            ).result_rows[0][0]
            if not known and found:
                now = clock.now()
                client.insert(
                    MODEL_QUALITY.short_name,
                    [
                        (
                            done.name,
                            done.version,
                            day,
                            each.aspect,
                            each.subject,
                            each.metric,
                            each.value,
                            each.sample_count,
                            each.verdict,
                            done.run_id,
                            now,
                        )
                        for each in found
                    ],
                    column_names=MODEL_QUALITY.column_names,
                )
    except ClickHouseError as error:
        raise QualityStoreError(f"ClickHouse did not take the quality of {done.name}: {error}") from error
    return len(found)
