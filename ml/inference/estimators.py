"""scikit-learn estimators from the registry, by skops, with the nodes of their trees checked before anything runs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from ml.inference.models import Loaded, UnusableModelError
from ml.registry.formats import TRUSTED_TYPES

SKOPS: Final = Path("model.skops")
LEAF: Final = -1


def load_estimator(loaded: Loaded) -> Any:
    """The fitted estimator or pipeline. Raises UnusableModelError for one with types that are not trusted (the list is
    this code's, not the file's), and for trees whose nodes point outside of them: scikit-learn would follow."""
    from skops.io import load
    from skops.io.exceptions import UntrustedTypesFoundException

    told = f"{loaded.name} version {loaded.version}"
    try:
        estimator = load(loaded.folder / SKOPS, trusted=list(TRUSTED_TYPES))
    except FileNotFoundError as error:
        raise UnusableModelError(f"{told} has no {SKOPS}: it is no estimator") from error
    except UntrustedTypesFoundException as error:
        raise UnusableModelError(f"{told} is refused: {error}") from error
    for tree in _trees(estimator):
        if not _is_sound(tree):
            raise UnusableModelError(f"{told} is refused: a tree in it points outside of itself")
    return estimator


def _trees(estimator: Any) -> Iterator[Any]:
    if hasattr(estimator, "tree_"):
        yield estimator.tree_
    for each in np.ravel(np.asarray(getattr(estimator, "estimators_", ()), dtype=object)):
        yield from _trees(each)
    for _, step in getattr(estimator, "steps", ()):
        yield from _trees(step)
    for calibrated in getattr(estimator, "calibrated_classifiers_", ()):
        yield from _trees(calibrated.estimator)


def _is_sound(tree: Any) -> bool:
    """Children come after their parent and are nodes of the tree; features are columns."""
    left, right = np.asarray(tree.children_left), np.asarray(tree.children_right)
    nodes = np.arange(tree.node_count)
    inner = left != LEAF
    if not np.array_equal(inner, right != LEAF):
        return False
    feature = np.asarray(tree.feature)[inner]
    children = np.stack([left[inner], right[inner]])
    inside = bool(((children > nodes[inner]) & (children < tree.node_count)).all())
    return inside and bool(((feature >= 0) & (feature < tree.n_features)).all())
