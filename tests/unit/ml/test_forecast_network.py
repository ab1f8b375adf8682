"""The forecasting network: the same for the same seed, never crossing, and equal in torch, pt2 and NumPy."""

from pathlib import Path

import numpy as np
import pytest
import torch

from lakehouse.risk.checks import FloatArray
from ml.features.returns import samples
from ml.inference.forecast import FEATURES, KIND, LEVELS, baseline, forecaster, forward
from ml.inference.models import Loaded, UnusableModelError
from ml.registry.formats import check
from ml.registry.saving import save_torch
from ml.training.forecast.network import Network, Recipe, arrays_of, fit

RECIPE = Recipe(hidden=4, epochs=2, batch=64)


@pytest.fixture(scope="module")
def returns() -> FloatArray:
    """A few hundred days whose volatility comes and goes."""
    generator = np.random.default_rng(3)
    wave = 0.01 * np.exp(0.5 * np.sin(np.arange(400) / 20))
    return np.asarray(wave * generator.standard_normal(400), dtype=np.float64)


@pytest.fixture(scope="module")
def network(returns: FloatArray) -> Network:
    made = samples(returns)
    return fit(made.inputs[:-1], returns[made.places[:-1] + 1] / made.scale[:-1], RECIPE, seed=7)


@pytest.fixture(scope="module")
def folder(network: Network, returns: FloatArray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The network as it is registered."""
    return save_torch(
        network,
        samples(returns).inputs[:4],
        tmp_path_factory.mktemp("network") / "model",
        arrays=arrays_of(network),
        document={"kind": KIND, "levels": list(LEVELS), "features": dict(FEATURES)},
    )


def test_untrained_it_says_what_the_baseline_says(returns: FloatArray) -> None:
    made = samples(returns)
    arrays = {name: np.asarray(each, dtype=np.float64) for name, each in arrays_of(Network(4)).items()}
    raw = forward(arrays, made.inputs)
    assert np.allclose(raw[:, :-1] * made.scale[:, None], baseline(made.scale).quantiles, rtol=1e-5)
    assert np.allclose(raw[:, -1], 1.0)


def test_the_same_seed_gives_the_same_network(returns: FloatArray, network: Network) -> None:
    made = samples(returns)
    again = fit(made.inputs[:-1], returns[made.places[:-1] + 1] / made.scale[:-1], RECIPE, seed=7)
    other = fit(made.inputs[:-1], returns[made.places[:-1] + 1] / made.scale[:-1], RECIPE, seed=8)
    ours = arrays_of(network)
    assert all(np.array_equal(each, arrays_of(again)[name]) for name, each in ours.items())
    assert not np.array_equal(ours["first.weight"], arrays_of(other)["first.weight"])


@pytest.mark.parametrize("batch", [1, 7, 4096])
def test_the_export_and_numpy_agree_at_any_batch(folder: Path, batch: int) -> None:
    inputs = np.random.default_rng(batch).normal(size=(batch, 27, 3)).astype(np.float32)
    exported = torch.export.load(folder / "data" / "model.pt2").module()
    told = exported(torch.from_numpy(inputs)).detach().numpy()
    light = forecaster(Loaded("return_forecast", 1, folder))
    assert told.shape == (batch, len(LEVELS) + 1)
    assert np.allclose(told, forward(light.arrays, inputs.astype(np.float64)), atol=1e-5)
    assert (np.diff(told[:, :-1]) >= 0).all()
    assert (told[:, -1] > 0).all()


def test_its_folder_holds_nothing_that_runs(folder: Path) -> None:
    check(folder, "return_forecast")
    kinds = {path.suffix for path in folder.rglob("*") if path.is_file()}
    assert {".pt2", ".safetensors"} <= kinds
    assert not {".py", ".pkl", ".pt"} & kinds


def test_an_example_of_one_row_is_refused(network: Network, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="would fix the batch"):
        save_torch(network, np.zeros((1, 27, 3)), tmp_path / "model", arrays={}, document={})


def test_a_model_of_other_features_is_not_used(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "tidemark").mkdir()
    (tmp_path / "tidemark" / "model.json").write_text('{"kind": "return_quantiles", "features": {"window": 30}}')
    with pytest.raises(UnusableModelError, match="train it again"):
        forecaster(Loaded("return_forecast", 2, tmp_path))
