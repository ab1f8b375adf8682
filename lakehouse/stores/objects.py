"""Object storage: any S3 endpoint, by the MinIO client."""

from urllib.parse import urlsplit

from minio import Minio
from minio.deleteobjects import DeleteObject
from urllib3 import PoolManager, Timeout

from lakehouse.errors import TidemarkError
from lakehouse.settings import S3Settings


class ObjectsLeft(TidemarkError):
    """Objects that should be gone are still there."""


def connect(section: S3Settings, *, timeout_s: float | None = None) -> Minio:
    """A client of the endpoint; it opens connections on first use.

    With `timeout_s` one attempt is made and neither connecting nor reading waits longer; without it the MinIO
    client's own patience holds (minutes, with retries), which suits jobs.
    """
    http = None if timeout_s is None else PoolManager(timeout=Timeout(connect=timeout_s, read=timeout_s), retries=False)
    parts = urlsplit(section.endpoint_url)
    return Minio(
        endpoint=parts.netloc,
        access_key=section.access_key,
        secret_key=section.secret_key.get_secret_value(),
        secure=parts.scheme == "https",
        region=section.region,
        http_client=http,
    )


def ensure_bucket(client: Minio, bucket: str) -> None:
    """Create the bucket where it does not exist yet. Idempotent."""
    if not client.bucket_exists(bucket_name=bucket):
        client.make_bucket(bucket_name=bucket)


def remove_prefix(client: Minio, bucket: str, prefix: str) -> int:
    """Delete every object below `prefix` and return how many there were. Raises ObjectsLeft naming the first left."""
    names = [found.object_name for found in client.list_objects(bucket_name=bucket, prefix=prefix, recursive=True)]
    doomed = [DeleteObject(name) for name in names if name is not None]
    failures = list(client.remove_objects(bucket_name=bucket, delete_object_list=doomed)) if doomed else []
    if failures:
        raise ObjectsLeft(f"{len(failures)} objects below {bucket}/{prefix} could not be deleted: {failures[0]}")
    return len(doomed)
