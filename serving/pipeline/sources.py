"""Airflow and Kafka, asked in threads of their own with a time limit."""

import asyncio
import math
from collections.abc import Callable
from typing import Final, TypeVar

from anyio import CapacityLimiter, to_thread
from confluent_kafka import Consumer, KafkaException, TopicPartition

from lakehouse.contracts.topics import TOPICS
from lakehouse.errors import TidemarkError
from lakehouse.settings import AirflowSettings, KafkaSettings
from lakehouse.stores import kafka
from lakehouse.stores.airflow import AirflowClient, AirflowRefusedError, AirflowUnreachableError, Run
from serving.pipeline.schemas import DagRun, TopicLag

LANDING_GROUP: Final = "tidemark-landing"
EVERY_DAG: Final = "~"
NEGATIVE: Final = 0  # offsets below are librdkafka's words for "none"

Answer = TypeVar("Answer")


class SourceSilent(TidemarkError):
    """The engine did not answer in time, or refused."""


class Sources:
    """One question an engine at a time: a hanging engine holds one thread."""

    def __init__(self, airflow: AirflowSettings, broker: KafkaSettings, *, timeout_s: float) -> None:
        self._airflow = airflow
        self._kafka = broker
        self._timeout_s = timeout_s
        self._limiters = {"airflow": CapacityLimiter(1), "kafka": CapacityLimiter(1)}

    async def dags(self) -> list[DagRun]:
        """Every DAG with its newest run. Raises SourceSilent."""
        return await self._ask("airflow", self._read_dags)

    async def lags(self) -> list[TopicLag]:
        """Every topic of the contracts that exists, with what is not landed. Raises SourceSilent."""
        return await self._ask("kafka", self._read_lags)

    async def _ask(self, engine: str, question: Callable[[], Answer]) -> Answer:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await to_thread.run_sync(question, abandon_on_cancel=True, limiter=self._limiters[engine])
        except (AirflowUnreachableError, AirflowRefusedError, KafkaException, OSError, TimeoutError) as error:
            raise SourceSilent(f"{type(error).__name__}: {error}") from error

    def _read_dags(self) -> list[DagRun]:
        with AirflowClient(self._airflow) as client:
            newest: dict[str, Run] = {}
            for run in client.runs(EVERY_DAG):
                newest.setdefault(run.dag_id, run)
            return [_dag(dag_id, newest.get(dag_id)) for dag_id in client.dag_ids()]

    def _read_lags(self) -> list[TopicLag]:
        config = {**kafka.client_config(self._kafka, "tidemark-status"), "group.id": LANDING_GROUP, "log_level": 0}
        consumer = Consumer({**config, "enable.auto.commit": False})
        limit_s = math.ceil(self._timeout_s)
        try:
            known = consumer.list_topics(timeout=limit_s).topics
            return [_lag(consumer, name, list(known[name].partitions), limit_s) for name in TOPICS if name in known]
        finally:
            consumer.close()


def _lag(consumer: Consumer, topic: str, partitions: list[int], limit_s: float) -> TopicLag:
    wanted = [TopicPartition(topic, number) for number in partitions]
    committed = {each.partition: each.offset for each in consumer.committed(wanted, timeout=limit_s)}
    messages, lag, is_known = 0, 0, False
    for each in wanted:
        low, high = consumer.get_watermark_offsets(each, timeout=limit_s)
        place = committed.get(each.partition, -1)
        messages += high - low
        is_known = is_known or place >= NEGATIVE or high == low
        lag += max(0, high - max(place, low))
    return TopicLag(topic=topic, messages=messages, lag=lag if is_known else None)


def _dag(dag_id: str, run: Run | None) -> DagRun:
    if run is None:
        return DagRun(dag_id=dag_id, state=None, partition=None, started_at=None, ended_at=None)
    return DagRun(
        dag_id=dag_id,
        state=run.state,
        partition=run.partition_key,
        started_at=run.start_date,
        ended_at=run.end_date,
    )
