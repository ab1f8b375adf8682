"""Object storage: any S3 endpoint, by the MinIO client."""

from urllib.parse import urlsplit

from minio import Minio

from lakehouse.settings import S3Settings


def connect(section: S3Settings) -> Minio:
    """A client of the endpoint; it opens connections on first use."""
    parts = urlsplit(section.endpoint_url)
    return Minio(
        endpoint=parts.netloc,
        access_key=section.access_key,
        secret_key=section.secret_key.get_secret_value(),
        secure=parts.scheme == "https",
        region=section.region,
    )


def ensure_bucket(client: Minio, bucket: str) -> None:
    """Create the bucket where it does not exist yet. Idempotent."""
    if not client.bucket_exists(bucket_name=bucket):
        client.make_bucket(bucket_name=bucket)
