"""The regime model in use, out of the registry's files."""

from typing import Final

from lakehouse.risk.checks import InvalidParameter
from ml.inference.models import Loaded, UnusableModelError
from ml.inference.regime import RegimeChain, from_document

NAME: Final = "market_regime"
KIND: Final = "markov_switching"


def regime_chain(loaded: Loaded) -> RegimeChain:
    """The chain of a registered model. Raises UnusableModelError for another kind of model."""
    told = loaded.document
    try:
        if told.get("kind") != KIND:
            raise InvalidParameter(f"it is of the kind {told.get('kind')}")
        return from_document(told["chain"])
    except (KeyError, InvalidParameter) as error:
        raise UnusableModelError(f"{loaded.name} version {loaded.version} is no model of regimes: {error}") from error


def source_of(loaded: Loaded) -> str:
    """How readings name the model that they come from."""
    return f"model:{loaded.name}@{loaded.version}"
