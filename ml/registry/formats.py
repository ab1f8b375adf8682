"""Which files a model may consist of: data in forms that run nothing. Everything else is refused, by name."""

import zipfile
from pathlib import Path
from typing import Final

from lakehouse.contracts.job_process import JobExit
from lakehouse.errors import TidemarkError

MLMODEL: Final = "MLmodel"
FOLDER: Final = "tidemark"
"""What `saving` adds to MLflow's own files: arrays and a document, by which `ml.inference` computes."""
ARRAYS: Final = f"{FOLDER}/arrays.safetensors"
DOCUMENT: Final = f"{FOLDER}/model.json"
WEIGHTS: Final = frozenset({".pt2", ".safetensors", ".skops", ".onnx"})
TEXTS: Final = frozenset({".json", ".yaml", ".yml", ".txt", ".md", ".csv", ".html", ".png"})
PICKLED: Final = frozenset({".pkl", ".pickle", ".joblib", ".pt", ".pth", ".ckpt", ".bin", ".dill", ".cloudpickle"})
PICKLE_START: Final = b"\x80"
ZIP_START: Final = b"PK\x03\x04"
TRUSTED_TYPES: Final = ("sklearn.tree._tree.Tree",)
"""Types that skops would not load by itself. The nodes of a tree are checked by `ml.inference.estimators`."""
ALLOWED: Final = "pt2, safetensors, skops and ONNX"


class PickleRefused(TidemarkError):
    """A model that would run code when it is loaded. Export it again; loading it is not an option."""

    exit_code = JobExit.DATA


def check(folder: Path, model: str) -> None:
    """Refuse the model in `folder`, called `model` in the message, unless all its files are of forms that hold data.

    A pickle is found by its name and by its first bytes, in a skops archive by its entries; files of unknown kinds and
    code are refused as well. The records of a pt2 archive are checked by MLflow when it loads one, pickle being off;
    `ml.inference` computes from the arrays beside it and opens none. Raises PickleRefused that names the file.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file() or path.is_symlink())
    for path in files:
        name = path.relative_to(folder).as_posix()
        reason = "a link" if path.is_symlink() else _reason(path)
        if reason is not None:
            raise PickleRefused(f"{model} is refused: {name} is {reason}. Models are {ALLOWED}, and texts beside them")
    if not (folder / MLMODEL).is_file():
        raise PickleRefused(f"{model} is refused: it has no {MLMODEL}, so nothing says what it is")


def _reason(path: Path) -> str | None:
    """What is wrong with the file, or None."""
    if path.name == MLMODEL:
        return None
    suffix = path.suffix.lower()
    if suffix in PICKLED:
        return "pickled"
    if suffix not in WEIGHTS | TEXTS:
        return "neither weights nor text"
    return _inside(path, suffix)


def _inside(path: Path, suffix: str) -> str | None:
    with path.open("rb") as opened:
        start = opened.read(4)
    if start[:1] == PICKLE_START and suffix not in {".safetensors", ".onnx"}:
        return "a pickle under another name"
    if start != ZIP_START:
        return None if suffix not in {".pt2", ".skops"} else "no archive of its kind"
    if suffix not in {".pt2", ".skops"}:
        return "an archive under another name"
    return None if suffix == ".pt2" else _entries(path)


def _entries(path: Path) -> str | None:
    """A skops archive has a schema and arrays; an entry that is a pickle is one that NumPy would unpickle."""
    with zipfile.ZipFile(path) as archive:
        strange = [name for name in archive.namelist() if Path(name).suffix not in {".json", ".npy", ".npz", ""}]
    return f"an archive with {strange[0]} in it" if strange else None
