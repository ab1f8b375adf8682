"""The years that market data computes with: a filter beyond them means the bound, because nothing lies there."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator

from serving.kit.types import Instant

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)


def _bounded(value: datetime) -> datetime:
    return min(max(value, EARLIEST), LATEST)


BoundedInstant = Annotated[Instant, AfterValidator(_bounded)]
