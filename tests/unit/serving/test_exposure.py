"""Without authentication the API listens on loopback, or is told explicitly not to."""

from ipaddress import IPv4Address

import pytest

from lakehouse.settings import ServingSettings
from serving.__main__ import ExposureRefused, refuse_exposure


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_is_served(host: str) -> None:
    refuse_exposure(ServingSettings(host=host))


@pytest.mark.parametrize("host", [str(IPv4Address(0)), "::", "10.0.0.4", "api.example", ""])
def test_anything_else_is_refused_with_the_remedy(host: str) -> None:
    with pytest.raises(ExposureRefused, match="ALLOW_REMOTE"):
        refuse_exposure(ServingSettings(host=host))


def test_unless_it_is_wanted() -> None:
    refuse_exposure(ServingSettings(host="10.0.0.4", allow_remote=True))
