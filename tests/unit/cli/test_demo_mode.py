"""The demo leaves exchanges open only where no real provider is followed."""

from pathlib import Path

import pytest

from lakehouse.cli.demo.command import DEMO_MODE, open_exchanges
from lakehouse.local import envfile
from lakehouse.local.home import Home
from lakehouse.settings import ProviderSettings


@pytest.mark.parametrize(("order", "is_kept"), [((), True), (("yahoo",), False)])
def test_exchanges_stay_open_only_without_real_providers(tmp_path: Path, order: tuple[str, ...], is_kept: bool) -> None:
    home = Home(tmp_path / "home")
    home.create()
    assert open_exchanges(home, ProviderSettings(order=order)) is is_kept
    assert (DEMO_MODE in envfile.read(home.stack_env).values) is is_kept
