"""The version in use: an alias resolved once, its files checked, kept by version, and handed out with their origin."""

import json
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from lakehouse.errors import TidemarkError
from lakehouse.settings import MlflowSettings, Settings
from lakehouse.stores.models import ModelStore, NoSuchModelError
from ml.registry.formats import ARRAYS, DOCUMENT, check
from ml.registry.names import CHAMPION

MAX_DOCUMENT_BYTES: Final = 1024 * 1024


class NoChampionError(TidemarkError):
    """Nothing was promoted under that name yet."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} has no champion: train it (`tidemark run` or its DAG), look at `tidemark model show {name}`, and "
            f"promote a version by `tidemark model promote {name}`"
        )
        self.name = name


class UnusableModelError(TidemarkError):
    """The model's files are sound, but not those of a model of this kind."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model's files on this machine. Write `name` and `version` into whatever is computed with them."""

    name: str
    version: int
    folder: Path

    @property
    def document(self) -> Mapping[str, Any]:
        """What its training has said about it. Raises UnusableModelError where there is nothing."""
        path = self.folder / DOCUMENT
        if not path.is_file() or path.stat().st_size > MAX_DOCUMENT_BYTES:
            raise UnusableModelError(
                f"{self.name} version {self.version} has no {DOCUMENT}: it is not of this platform"
            )
        found: Any = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise UnusableModelError(f"{self.name} version {self.version}: {DOCUMENT} is no object")
        return found

    def arrays(self) -> Mapping[str, Any]:
        """Its arrays by name. Raises UnusableModelError where it has none."""
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            return load_file(self.folder / ARRAYS)
        except (OSError, SafetensorError) as error:
            raise UnusableModelError(f"{self.name} version {self.version} has no readable {ARRAYS}") from error


class Models:
    """Blocking; safe in threads. Files are fetched once a version, as versions never change."""

    def __init__(self, section: MlflowSettings, cache: Path, *, timeout_s: float = 30.0) -> None:
        self.store = ModelStore(section, timeout_s=timeout_s)
        self._cache = cache
        self._lock = threading.Lock()

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The registry of this installation, with the files that its processes share."""
        return cls(settings.mlflow, settings.home / "models")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self.store.close()

    def champion(self, name: str) -> Loaded:
        """The version in use now: ask once a batch, and keep to the answer within it.

        Raises NoChampionError, PickleRefused, RegistryUnavailableError.
        """
        try:
            return self.at_alias(name, CHAMPION)
        except NoSuchModelError as error:
            raise NoChampionError(name) from error

    def at_alias(self, name: str, alias: str) -> Loaded:
        """The version that an alias points to now. Raises NoSuchModelError, PickleRefused, RegistryUnavailableError."""
        return self.version(name, self.store.by_alias(name, alias).version)

    def version(self, name: str, number: int) -> Loaded:
        """One version. Raises NoSuchModelError, PickleRefused, RegistryUnavailableError."""
        kept = self._cache / name / str(number)
        with self._lock:
            if not kept.is_dir():
                self.store.version(name, number)
                told = f"{name} version {number}"
                self._keep(kept, told, lambda folder: self.store.download(name, number, folder))
        return Loaded(name, number, kept)

    def _keep(self, kept: Path, told: str, fetch: Callable[[Path], None]) -> None:
        """Fetch beside the place and move there when all is checked: another process sees whole folders only."""
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as place:
            folder = Path(place) / "model"
            fetch(folder)
            check(folder, told)
            try:
                folder.rename(kept)
            except OSError:
                if not kept.is_dir():  # otherwise another process was faster with the same files
                    raise


def in_use(settings: Settings, name: str) -> Loaded | None:
    """The champion, for who asks once; None before the first promotion. Raises as `Models.champion`."""
    with Models.of(settings) as models:
        try:
            return models.champion(name)
        except NoChampionError:
            return None
