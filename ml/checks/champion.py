"""The trained model that a check uses now, kept by a process beside its requests; none means the documented rules.

`judge` answers at once from memory. `refresh` asks the registry and blocks: call it in a thread, outside of requests.
Where the registry does not answer, the model in memory stays; a process that has just started takes the one it used
last, out of its own files, if these still have the checksum that was written down then.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog

from lakehouse.errors import TidemarkError
from lakehouse.settings import MlflowSettings, Settings
from lakehouse.stores.models import ModelStore, NoSuchModelError, RegistryUnavailableError
from ml.checks.learned import Judge
from ml.registry.names import CHAMPION

if TYPE_CHECKING:
    from ml.inference.models import Loaded

log = structlog.get_logger(__name__)
TIMEOUT_S: Final = 5.0
REFRESH_S: Final = 60.0
"""How long a promotion may take to be used by a process that refreshes as often."""
FOLDER: Final = "models"


class ChangedFilesError(TidemarkError):
    """Files of a model are not those that were used before: they are refused, and fetched anew once they are away."""


class Champion:
    """One a process and model. `features` are what this code can compute: a model of others is refused."""

    def __init__(self, section: MlflowSettings, cache: Path, name: str, features: Sequence[str]) -> None:
        self._section, self._cache = section, cache
        self._name, self._features = name, tuple(features)
        self._used = cache / name / "used.json"
        self._judge: Judge | None = None
        self._is_away = False

    @property
    def judge(self) -> Judge | None:
        """The model in use, None for the rules."""
        return self._judge

    def refresh(self) -> None:
        """Take the version that is the champion now. Never raises for a registry or a model that is no use: what is in
        use stays, and the log says why."""
        try:
            self._take(self._champion())
            self._is_away = False
        except NoSuchModelError:
            self._judge, self._is_away = None, False
        except RegistryUnavailableError as error:
            if self._judge is None:
                self._take_last()
            if not self._is_away:  # once, not each minute
                log.warning("registry_unavailable", model=self._name, error=str(error), in_use=self._source())
            self._is_away = True
        except (TidemarkError, OSError) as error:
            log.error("model_refused", model=self._name, error=str(error), in_use=self._source())

    def _champion(self) -> int:
        with ModelStore(self._section, timeout_s=TIMEOUT_S) as store:
            return store.by_alias(self._name, CHAMPION).version

    def _take_last(self) -> None:
        """The version that this machine used last: its files are here. For a registry that does not answer."""
        try:
            told = self._told()
            if told is not None and (self._cache / self._name / str(told[0])).is_dir():
                self._take(told[0])
        except (TidemarkError, OSError) as error:
            log.error("model_refused", model=self._name, error=str(error), in_use=self._source())

    def _take(self, version: int) -> None:
        if self._source() == f"{self._name}@{version}":
            return
        # Here, because they take memory that a process without a promoted model does without.
        from ml.inference.models import Models
        from ml.inference.scorer import load_scorer

        with Models(self._section, self._cache, timeout_s=TIMEOUT_S) as models:
            loaded = models.version(self._name, version)
        self._check(loaded)
        self._judge = load_scorer(loaded, self._features)
        log.info("model_in_use", model=self._name, version=version)

    def _check(self, loaded: "Loaded") -> None:
        """Raises ChangedFilesError where a version that was used before has other files now."""
        found, told = _checksum(loaded.folder), self._told()
        if told is not None and told[0] == loaded.version and told[1] != found:
            raise ChangedFilesError(f"{loaded.folder} was changed since it was used: remove it to have it fetched anew")
        if told is None or told[0] != loaded.version:
            self._used.write_text(json.dumps({"version": loaded.version, "sha256": found}), encoding="utf-8")

    def _told(self) -> tuple[int, str] | None:
        try:
            told = json.loads(self._used.read_text(encoding="utf-8"))
            return int(told["version"]), str(told["sha256"])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            log.warning("model_note_unreadable", path=str(self._used))
            return None

    def _source(self) -> str:
        return "rules" if self._judge is None else self._judge.source


def champion_of(settings: Settings, name: str, features: Sequence[str]) -> Champion:
    """The model of that name in this installation; its rules until `refresh` has found one."""
    return Champion(settings.mlflow, settings.home / FOLDER, name, features)


def _checksum(folder: Path) -> str:
    total = hashlib.sha256()
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        total.update(path.relative_to(folder).as_posix().encode() + b"\0")
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()
