"""Model folders in forms that hold data and no code: pt2 with safetensors, skops, or plain arrays."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from lakehouse.risk.checks import FloatArray
from lakehouse.stores import mlflow as store  # first: it turns pickle off
from ml.registry.formats import ARRAYS, DOCUMENT, FOLDER, TRUSTED_TYPES

if TYPE_CHECKING:
    from torch.nn import Module

LEAST_EXAMPLES: Final = 2
"""torch.export makes a batch of one a constant: examples have two rows at least."""

Document = Mapping[str, Any]


class Estimator(Protocol):
    """What is asked of a scikit-learn estimator here."""

    def predict(self, rows: Any, /) -> Any:
        """Answer rows (N, features)."""


def save_torch(
    module: "Module", example: FloatArray, folder: Path, *, arrays: Mapping[str, FloatArray], document: Document
) -> Path:
    """Export `module` (one array (B, ...) in, one out) as pt2 with a free batch dimension, and its weights beside it.

    `arrays` go to tidemark/arrays.safetensors and `document` to tidemark/model.json, by which `ml.inference` computes
    without torch. Raises ValueError for an example of one row. Returns `folder`.
    """
    import mlflow.pytorch
    import torch

    if len(example) < LEAST_EXAMPLES:
        raise ValueError(f"an example of {len(example)} rows would fix the batch: give {LEAST_EXAMPLES} or more")
    module.eval()
    rows = np.asarray(example, dtype=np.float32)
    with torch.no_grad():
        answer = module(torch.from_numpy(rows)).numpy()
    mlflow.pytorch.save_model(
        module,
        folder,
        signature=store.tensor_signature(rows, answer),
        input_example=rows,
        serialization_format="pt2",
        pip_requirements=store.requirements("torch", "numpy"),
    )
    return _beside(folder, arrays, document)


def save_sklearn(estimator: Estimator, example: FloatArray, folder: Path, *, document: Document) -> Path:
    """Save a scikit-learn estimator (a pipeline, too) by skops, which holds arrays and names of known types only.

    `document` goes to tidemark/model.json. Returns `folder`. Raises MlflowException for an estimator that brings types
    which neither skops nor TRUSTED_TYPES know: use what scikit-learn itself brings.
    """
    import mlflow.sklearn

    rows = np.asarray(example, dtype=np.float64)
    mlflow.sklearn.save_model(
        estimator,
        folder,
        signature=store.tensor_signature(rows, np.asarray(estimator.predict(rows))),
        input_example=rows,
        serialization_format="skops",
        skops_trusted_types=list(TRUSTED_TYPES),
        pip_requirements=store.requirements("scikit-learn", "numpy"),
    )
    return _beside(folder, {}, document)


def save_arrays(
    arrays: Mapping[str, FloatArray], example: FloatArray, answer: FloatArray, folder: Path, *, document: Document
) -> Path:
    """A model that is arrays and a formula of this code: parameters of a hidden Markov model, thresholds, weights.

    `example` and `answer` make its signature. Returns `folder`.
    """
    store.save_bare(folder, example=np.asarray(example), answer=np.asarray(answer))
    return _beside(folder, arrays, document)


def _beside(folder: Path, arrays: Mapping[str, FloatArray], document: Document) -> Path:
    from safetensors.numpy import save_file

    (folder / FOLDER).mkdir(exist_ok=True)
    if arrays:
        save_file({name: np.ascontiguousarray(each) for name, each in arrays.items()}, folder / ARRAYS)
    (folder / DOCUMENT).write_text(json.dumps(document, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return folder
