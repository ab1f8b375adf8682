"""One cheap round trip an engine, for readiness: each raises ProbeError where the engine does not answer."""

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from minio import Minio
from minio.error import MinioException
from psycopg import Error as PostgresError
from redis.asyncio import Redis
from redis.exceptions import RedisError
from urllib3.exceptions import HTTPError

from lakehouse.errors import TidemarkError
from lakehouse.settings import KafkaSettings
from lakehouse.stores import kafka
from lakehouse.stores.postgres import Pool


class ProbeError(TidemarkError):
    """The engine did not answer as it should."""


async def postgres(pool: Pool) -> None:
    """A statement on a pooled connection."""
    try:
        async with pool.connection() as connection:
            await connection.execute("SELECT 1")
    except PostgresError as error:
        raise ProbeError(str(error)) from error


async def redis(client: Redis) -> None:
    """PING."""
    try:
        await client.ping()
    except (RedisError, OSError) as error:
        raise ProbeError(str(error)) from error


def kafka_admin(section: KafkaSettings) -> AdminClient:
    """An admin client that is kept between probes, reconnects within a second and leaves the talking to the probe."""
    config = {**kafka.client_config(section, "tidemark-probe"), "reconnect.backoff.max.ms": 1000, "log_level": 0}
    return AdminClient(config)


def kafka_broker(admin: AdminClient, timeout_s: float) -> None:
    """The cluster's metadata, with a broker in it. Blocks up to `timeout_s`."""
    try:
        brokers = admin.list_topics(timeout=timeout_s).brokers
    except KafkaException as error:
        raise ProbeError(f"Kafka gives no metadata: {error}") from error
    if not brokers:
        raise ProbeError("Kafka knows no broker")


def s3(client: Minio, bucket: str) -> None:
    """The lake's bucket, by a signed request: a wrong key fails too. Blocks as long as the client's time limit."""
    try:
        found = client.bucket_exists(bucket_name=bucket)
    except (MinioException, HTTPError, OSError) as error:
        raise ProbeError(str(error)) from error
    if not found:
        raise ProbeError(f"there is no bucket {bucket}: `tidemark up` makes it")
