"""A client generated from the live document: whole, typed, and able to do what a user wants."""

import subprocess
import sys
from pathlib import Path

import pytest

from lakehouse.settings import project_root
from tests.factories.api_users import api_user
from tests.integration.serving.conftest import Served

pytestmark = pytest.mark.integration

TIMEOUT_S = 500
SCRIPT = """
import sys
from tidemark_client import AuthenticatedClient
from tidemark_client.api.instruments import list_instruments
from tidemark_client.api.watchlists import create_watchlist, create_watchlist_item, get_watchlist, list_watchlists
from tidemark_client.models import (
    ListInstrumentsSort, Problem, WatchlistIn, WatchlistItemIn, WatchlistOut, WatchlistPage,
)

url, token = sys.argv[1:]
with AuthenticatedClient(base_url=url, token=token, raise_on_unexpected_status=True) as client:
    made = create_watchlist.sync(client=client, body=WatchlistIn(name="Generated"))
    assert isinstance(made, WatchlistOut), made
    item = WatchlistItemIn(watchlist_id=made.id, symbol="AAPL", target_price="150")
    assert create_watchlist_item.sync(client=client, body=item).target_price == "150"
    page = list_watchlists.sync(client=client, name="generated")
    assert isinstance(page, WatchlistPage) and [each.item_count for each in page.data] == [1], page
    known = list_instruments.sync(client=client, sort=ListInstrumentsSort.SYMBOL_DESCENDING, limit=2)
    assert known.data[0].symbol > known.data[1].symbol, known
    refused = create_watchlist.sync(client=client, body=WatchlistIn(name="Generated"))
    assert isinstance(refused, Problem) and refused.code == "already_exists", refused
    import uuid
    missing = get_watchlist.sync(uuid.uuid4(), client=client)
    assert isinstance(missing, Problem) and missing.status == 404, missing
print("done")
"""


def run(*words: str, cwd: Path) -> str:
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def generated(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the package `tidemark_client`; the generator left nothing out."""
    folder = tmp_path_factory.mktemp("client")
    program = str(Path(sys.executable).with_name("openapi-python-client"))
    config = str(project_root() / "serving" / "client.yaml")
    document = folder / "openapi.json"  # the generator itself waits for no more than five seconds
    document.write_bytes(served.api.client.get("/openapi.json").content)
    output = ("--meta", "none", "--output-path", str(folder / "tidemark_client"), "--fail-on-warning")
    run(program, "generate", "--path", str(document), "--config", config, *output, cwd=folder)
    return folder


def test_it_has_every_operation(served: Served, generated: Path) -> None:
    document = served.api.client.get("/openapi.json").json()
    wanted = {operation["operationId"] for path in document["paths"].values() for operation in path.values()}
    modules = {each.stem for each in (generated / "tidemark_client" / "api").glob("*/*.py")} - {"__init__"}
    assert modules == wanted
    run(sys.executable, "-m", "compileall", "-q", "tidemark_client", cwd=generated)


def test_it_does_what_a_user_wants(served: Served, generated: Path) -> None:
    user = api_user(served.settings)
    assert run(sys.executable, "-c", SCRIPT, served.api.url, user.token, cwd=generated) == "done\n"
