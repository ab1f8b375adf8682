"""What the gate said about a registered version."""

import json
from collections.abc import Mapping
from typing import Any

from lakehouse.stores.models import Version
from ml.registry.names import GATE


def verdict_of(version: Version) -> Mapping[str, Any]:
    """The verdict that its training left on it; empty where no gate has judged it, or the tag is no JSON of ours."""
    try:
        found: Any = json.loads(version.tags.get(GATE, "{}"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
