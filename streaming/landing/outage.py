"""What the object store's two clients raise when it is out of reach, as one error that says what to do."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from deltalake.exceptions import DeltaError
from minio.error import MinioException
from urllib3.exceptions import HTTPError

from lakehouse.errors import TidemarkError

_DELTA_SAYS = "object store"
_COLOUR = re.compile(r"\x1b\[\d+m")
_CAUSE_CHARACTERS = 300


class StoreError(TidemarkError):
    """The object store did not answer for longer than its clients try again, or refused."""


@contextmanager
def told(endpoint_url: str, lost: str) -> Iterator[None]:
    """Raise StoreError for what the block could not do with the store at `endpoint_url`; `lost` names the work.

    The clients have tried again by then, for seconds where connections are refused. Ending is the rest of the
    remedy: the supervisor starts the lander again until the store answers, and the table says where to go on.
    """
    try:
        yield
    except (HTTPError, MinioException, OSError) as error:
        raise _error(endpoint_url, lost, error) from error
    except DeltaError as error:
        if _DELTA_SAYS not in str(error):
            raise
        raise _error(endpoint_url, lost, error) from error


def _error(endpoint_url: str, lost: str, error: Exception) -> StoreError:
    cause = " ".join(_COLOUR.sub("", str(error)).replace("↳", "").split())[:_CAUSE_CHARACTERS]
    return StoreError(
        f"{lost}: the object store at {endpoint_url} does not answer as it should: is it up, and are endpoint and keys "
        "right (`tidemark doctor`, TIDEMARK_S3__ENDPOINT_URL)? Nothing is lost: start the lander again and it goes on "
        f"after the table's last offset. Cause: {cause}"
    )
