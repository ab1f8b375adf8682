"""The regime model in use, out of the registry's files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import structlog

from lakehouse.errors import TidemarkError
from lakehouse.risk.checks import InvalidParameter
from lakehouse.settings import MlflowSettings
from ml.inference.models import Loaded, Models, UnusableModelError
from ml.inference.regime import RegimeChain, from_document, to_document

log = structlog.get_logger(__name__)

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


def regime_in_use(section: MlflowSettings, cache: Path) -> Mapping[str, Any] | None:
    """The champion as a document of `source` and `chain`, which a run can pin in its parameters. None, with the reason
    in the log, where there is none or it cannot be had: the rule then reads the regime, and says so."""
    try:
        with Models(section, cache) as models:
            found = models.champion(NAME)
        return {"source": source_of(found), "chain": to_document(regime_chain(found))}
    except TidemarkError as error:
        log.warning("regime_by_rule", reason=str(error))
        return None
