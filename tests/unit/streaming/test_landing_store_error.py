"""What the store's clients raise becomes one error that a person can act on; what is no outage stays what it was."""

import pytest
from deltalake.exceptions import CommitFailedError, DeltaError
from urllib3.exceptions import TimeoutError as ClientTimeoutError

from streaming.kit.offsets import FencedError
from streaming.landing.outage import StoreError, told

ENDPOINT = "http://127.0.0.1:9000"
GENERIC = "Generic S3 error\n  \x1b[31m↳\x1b[0m Error performing PUT\n   \x1b[31m↳\x1b[0m Connection refused"
OBJECT_STORE = DeltaError("Generic DeltaTable error: Error interacting with object store: Generic S3 error")


@pytest.mark.parametrize("error", [OSError(GENERIC), ClientTimeoutError("read timed out"), OBJECT_STORE])
def test_an_outage_names_the_store_the_work_and_the_remedy(error: Exception) -> None:
    with pytest.raises(StoreError) as caught, told(ENDPOINT, "cannot commit 5 messages of market.ticks"):
        raise error

    text = str(caught.value)
    assert text.startswith(f"cannot commit 5 messages of market.ticks: the object store at {ENDPOINT}")
    assert "start the lander again" in text
    assert caught.value.exit_code == 1


def test_the_cause_is_one_plain_line() -> None:
    with pytest.raises(StoreError) as caught, told(ENDPOINT, "cannot commit"):
        raise OSError(GENERIC)

    assert str(caught.value).endswith("Cause: Generic S3 error Error performing PUT Connection refused")


@pytest.mark.parametrize(
    "error", [DeltaError("Schema mismatch"), CommitFailedError("version 5 exists"), FencedError("moved"), ValueError()]
)
def test_what_is_no_outage_passes_unchanged(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, told(ENDPOINT, "cannot commit"):
        raise error

    assert caught.value is error
