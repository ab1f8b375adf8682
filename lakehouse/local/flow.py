"""How far behind the processes on the way of messages are, and how much they do: from their own metrics."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import httpx
from prometheus_client.parser import text_string_to_metric_families

from lakehouse.clock import Clock
from lakehouse.local.status import Flow, ProcessStatus

SAMPLE_S: Final = 1.0
TIMEOUT_S: Final = 2.0
MEASURES: Final[Mapping[str, tuple[str, str]]] = {
    "feed": ("", "tidemark_feed_sent_ticks_total"),
    "landing": ("tidemark_landing_lag_messages", "tidemark_landing_rows_landed_total"),
    "hot": ("tidemark_hot_lag_messages", "tidemark_hot_ticks_total"),
    "quotes": ("tidemark_quotes_lag_messages", "tidemark_quotes_ticks_total"),
    "signals": ("tidemark_signals_lag_messages", "tidemark_signals_decided_total"),
    "outbox": ("tidemark_outbox_waiting_events", "tidemark_outbox_relayed_total"),
}
"""By process: the gauge of what waits for it, empty where nothing can, and the counter of what it has done."""


def measure(processes: Iterable[ProcessStatus], clock: Clock) -> dict[str, Flow]:
    """The flow through each process that is ready and measures it, by name. Blocks SAMPLE_S; one that does not answer,
    or was started again meanwhile, is left out."""
    asked = [each for each in processes if each.ready and each.name in MEASURES]
    if not asked:
        return {}
    with ThreadPoolExecutor(max_workers=len(asked)) as pool:
        before = list(pool.map(_totals, asked))
        begun = clock.monotonic()
        clock.sleep(SAMPLE_S)
        after = list(pool.map(_totals, asked))
        seconds = clock.monotonic() - begun
    found = zip(asked, before, after, strict=True)
    return {each.name: flow for each, old, new in found if (flow := _flow(each.name, old, new, seconds)) is not None}


def _flow(name: str, old: Mapping[str, float] | None, new: Mapping[str, float] | None, seconds: float) -> Flow | None:
    waits, done = MEASURES[name]
    if old is None or new is None or new.get(done, 0.0) < old.get(done, 0.0):
        return None
    lag = round(new.get(waits, 0.0)) if waits else None
    return Flow(lag, (new.get(done, 0.0) - old.get(done, 0.0)) / seconds)


def _totals(process: ProcessStatus) -> dict[str, float] | None:
    """The process's metrics by name, summed over their labels; None where it does not answer."""
    try:
        answer = httpx.get(process.url, timeout=TIMEOUT_S, trust_env=False)  # loopback: no proxy stands between
        answer.raise_for_status()
    except httpx.HTTPError:
        return None
    totals: dict[str, float] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            totals[sample.name] = totals.get(sample.name, 0.0) + sample.value
    return totals
