"""What a model may consist of: a pickle is found by name, by content and inside of archives."""

import pickle
import zipfile
from pathlib import Path

import pytest
import torch

from ml.registry.formats import PickleRefused, check


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model of nothing, which is sound."""
    (tmp_path / "MLmodel").write_text("flavors: {}\n")
    return tmp_path


def test_a_sound_folder_is_taken(folder: Path) -> None:
    (folder / "model.json").write_text("{}")
    check(folder, "sound")


@pytest.mark.parametrize("name", ["model.pkl", "model.joblib", "weights.pt", "data/pickle_module_info.pth"])
def test_a_pickle_is_refused_by_its_name(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(pickle.dumps([1]))
    with pytest.raises(PickleRefused, match=f"risky is refused: {name} is pickled"):
        check(folder, "risky")


def test_a_pickle_under_another_name_is_refused(folder: Path) -> None:
    (folder / "notes.txt").write_bytes(pickle.dumps([1]))
    with pytest.raises(PickleRefused, match=r"notes\.txt is a pickle under another name"):
        check(folder, "risky")


def test_a_checkpoint_of_torch_under_another_name_is_refused(folder: Path) -> None:
    torch.save({"w": torch.zeros(2)}, folder / "weights.safetensors")
    with pytest.raises(PickleRefused, match="an archive under another name"):
        check(folder, "risky")


def test_an_archive_with_a_pickle_in_it_is_refused(folder: Path) -> None:
    with zipfile.ZipFile(folder / "model.skops", "w") as archive:
        archive.writestr("schema.json", "{}")
        archive.writestr("payload.pkl", pickle.dumps([1]))
    with pytest.raises(PickleRefused, match=r"an archive with payload\.pkl in it"):
        check(folder, "risky")


@pytest.mark.parametrize("name", ["code.py", "library.so", "weights"])
def test_code_and_unknown_kinds_are_refused(folder: Path, name: str) -> None:
    (folder / name).write_text("print()")
    with pytest.raises(PickleRefused, match="neither weights nor text"):
        check(folder, "risky")


def test_a_link_and_a_folder_without_mlmodel_are_refused(folder: Path) -> None:
    (folder / "link.json").symlink_to("/etc/hostname")
    with pytest.raises(PickleRefused, match="a link"):
        check(folder, "risky")
    (folder / "link.json").unlink()
    (folder / "MLmodel").unlink()
    with pytest.raises(PickleRefused, match="no MLmodel"):
        check(folder, "risky")
