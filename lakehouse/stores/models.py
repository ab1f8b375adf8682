"""Registered models through MLflow's REST API: names, versions, aliases and files, without MLflow's client.

The client takes seconds and some 200 MiB to import, which services and commands do not have.
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Final, Self
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ConfigDict, Field

from lakehouse.contracts.job_process import JobExit
from lakehouse.errors import TidemarkError
from lakehouse.settings import MlflowSettings

API: Final = "/api/2.0/mlflow"
PROXY: Final = "/api/2.0/mlflow-artifacts/artifacts"
PAGE: Final = 200
NOT_FOUND: Final = frozenset({"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"})
MAX_FILE_BYTES: Final = 256 * 1024 * 1024


class RegistryUnavailableError(TidemarkError):
    """MLflow did not answer, or failed. Worth another try."""

    exit_code = JobExit.UNAVAILABLE


class NoSuchModelError(TidemarkError):
    """The registry has no such model, version or alias."""


class StrangeArtifactError(TidemarkError):
    """Files that are not where this platform keeps them, have unsafe names, or are too large."""


class Answer(BaseModel):
    """Part of a reply of MLflow's API: only what Tidemark reads."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class _Tag(Answer):
    key: str
    value: str = ""


class _Alias(Answer):
    alias: str
    version: int


class Name(Answer):
    """A registered model."""

    name: str
    description: str = ""
    found_aliases: tuple[_Alias, ...] = Field((), alias="aliases")

    @property
    def aliases(self) -> dict[str, int]:
        """Versions by alias."""
        return {each.alias: each.version for each in self.found_aliases}


class Version(Answer):
    """A version of a registered model. `created_ms` is in milliseconds since 1970."""

    name: str
    version: int
    created_ms: int = Field(alias="creation_timestamp")
    run_id: str = ""
    status: str = ""
    description: str = ""
    found_tags: tuple[_Tag, ...] = Field((), alias="tags")

    @property
    def tags(self) -> dict[str, str]:
        """Values by key."""
        return {each.key: each.value for each in self.found_tags}


class ModelStore:
    """Blocking; one connection pool, safe in threads. Methods raise RegistryUnavailableError, and NoSuchModelError
    where what is named does not exist."""

    def __init__(self, section: MlflowSettings, *, timeout_s: float = 30.0) -> None:
        self._url = section.tracking_uri
        self._http = httpx.Client(base_url=section.tracking_uri, timeout=timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def names(self) -> tuple[Name, ...]:
        """Every registered model, by name."""
        found = self._pages("registered-models/search", "registered_models", {"order_by": "name"})
        return tuple(Name.model_validate(each) for each in found)

    def name(self, name: str) -> Name:
        """A registered model with its aliases."""
        return Name.model_validate(self._get("registered-models/get", name=name)["registered_model"])

    def versions(self, name: str) -> tuple[Version, ...]:
        """Its versions, newest first."""
        found = self._pages("model-versions/search", "model_versions", {"filter": f"name = '{name}'"})
        return tuple(sorted((Version.model_validate(each) for each in found), key=lambda each: -each.version))

    def version(self, name: str, number: int) -> Version:
        """One version."""
        return Version.model_validate(self._get("model-versions/get", name=name, version=str(number))["model_version"])

    def version_of_run(self, run_id: str) -> Version:
        """The newest version that was made by a run."""
        found = list(self._pages("model-versions/search", "model_versions", {"filter": f"run_id = '{run_id}'"}))
        if not found:
            raise NoSuchModelError(f"the run {run_id} has registered no model")
        return max((Version.model_validate(each) for each in found), key=lambda each: each.version)

    def by_alias(self, name: str, alias: str) -> Version:
        """The version that the alias points to now."""
        return Version.model_validate(self._get("registered-models/alias", name=name, alias=alias)["model_version"])

    def metrics(self, run_id: str) -> dict[str, float]:
        """The newest value of each metric of a run."""
        data = self._get("runs/get", run_id=run_id)["run"]["data"]
        return {each["key"]: float(each["value"]) for each in data.get("metrics", ())}

    def parameters(self, run_id: str) -> dict[str, str]:
        """The parameters of a run."""
        data = self._get("runs/get", run_id=run_id)["run"]["data"]
        return {each["key"]: each["value"] for each in data.get("params", ())}

    def set_alias(self, name: str, alias: str, version: int) -> None:
        """Point the alias to a version. MLflow has no compare-and-set: hold a lock."""
        self._send("POST", "registered-models/alias", {"name": name, "alias": alias, "version": str(version)})

    def delete_alias(self, name: str, alias: str) -> None:
        """Take the alias away; one that is not there is no error."""
        self._send("DELETE", "registered-models/alias", {"name": name, "alias": alias})

    def set_tag(self, name: str, version: int, key: str, value: str) -> None:
        """Write a tag of a version."""
        body = {"name": name, "version": str(version), "key": key, "value": value}
        self._send("POST", "model-versions/set-tag", body)

    def download(self, name: str, version: int, folder: Path) -> None:
        """All files of a version into `folder`, which is made. Raises StrangeArtifactError."""
        told = self._get("model-versions/get-download-uri", name=name, version=str(version))["artifact_uri"]
        self._download_from(str(told), folder)

    def _download_from(self, address: str, folder: Path) -> None:
        """All files below an address of MLflow's own proxy. Raises StrangeArtifactError for any other address."""
        scheme, _, root = address.partition(":/")
        if scheme != "mlflow-artifacts" or ".." in PurePosixPath(root).parts:
            raise StrangeArtifactError(f"{address} is not served by MLflow at {self._url}")
        root = root.strip("/")
        files = list(self._files(root))
        if not files:
            raise NoSuchModelError(f"{address} holds no files")
        folder.mkdir(parents=True, exist_ok=True)
        for path in files:
            self._fetch(f"{root}/{path}", folder / path)

    def _files(self, root: str, below: str = "") -> Iterator[str]:
        place = f"{root}/{below}".rstrip("/")
        for each in self._reply(self._asked("GET", PROXY, params={"path": place})).get("files", ()):
            # The proxy names what it lists without the folder that was asked for.
            name = str(each["path"])
            if name in {"", ".", ".."} or "/" in name or "\\" in name:
                raise StrangeArtifactError(f"a file called {name!r} is not fetched")
            path = f"{below}/{name}".lstrip("/")
            if each.get("is_dir"):
                yield from self._files(root, path)
            elif int(each.get("file_size", 0)) > MAX_FILE_BYTES:
                raise StrangeArtifactError(f"{path} has {each['file_size']} bytes: more than {MAX_FILE_BYTES}")
            else:
                yield path

    def _fetch(self, path: str, target: Path) -> None:
        answer = self._asked("GET", f"{PROXY}/{quote(path)}")
        if answer.status_code != httpx.codes.OK:
            self._reply(answer)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(answer.content)

    def _pages(self, method: str, key: str, asked: dict[str, str]) -> Iterator[dict[str, Any]]:
        token = ""
        while True:
            page = self._get(method, **asked, max_results=str(PAGE), **({"page_token": token} if token else {}))
            yield from page.get(key, ())
            token = page.get("next_page_token", "")
            if not token:
                return

    def _get(self, method: str, **asked: str) -> dict[str, Any]:
        return self._reply(self._asked("GET", f"{API}/{method}", params=asked))

    def _send(self, verb: str, method: str, body: dict[str, str]) -> None:
        self._reply(self._asked(verb, f"{API}/{method}", json=body))

    def _asked(self, verb: str, path: str, **rest: Any) -> httpx.Response:
        try:
            return self._http.request(verb, path, **rest)
        except httpx.HTTPError as error:
            raise RegistryUnavailableError(
                f"MLflow at {self._url} does not answer ({error!r}): `tidemark status` shows whether it runs"
            ) from error

    def _reply(self, answer: httpx.Response) -> dict[str, Any]:
        try:
            told: Any = answer.json()
        except ValueError:
            told = {}
        if answer.status_code == httpx.codes.OK and isinstance(told, dict):
            return told
        said = told if isinstance(told, dict) else {}
        code, message = str(said.get("error_code", "")), str(said.get("message", answer.text[:200]))
        if code in NOT_FOUND or answer.status_code == httpx.codes.NOT_FOUND:
            raise NoSuchModelError(message or "the registry has no such model")
        raise RegistryUnavailableError(f"MLflow at {self._url} answered HTTP {answer.status_code}: {message}")
