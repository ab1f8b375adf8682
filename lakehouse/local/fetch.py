"""Everything that a process needs fetched or built before it can start, by name."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from lakehouse.local.install import debian, jars, minio
from lakehouse.local.install.cache import Cache
from lakehouse.local.install.tools import java

# Slowest first: MinIO is compiled in the background of the rest.
FETCHES: Mapping[str, Callable[[Cache, Path], Path]] = MappingProxyType(
    {
        "minio": minio.fetch,
        "lake-jars": lambda cache, log: jars.fetch(cache, "lake", java(), log),
        "kafka-jars": lambda cache, log: jars.fetch(cache, "kafka", java(), log),
        "debian": debian.fetch,
    }
)


def installed(cache: Cache) -> dict[str, bool]:
    """Which of FETCHES lie complete in the cache."""
    places = {
        "minio": minio.binary(cache),
        "lake-jars": jars.folder(cache, "lake"),
        "kafka-jars": jars.folder(cache, "kafka"),
        "debian": debian.prefix(cache),
    }
    return {name: places[name].exists() for name in FETCHES}
