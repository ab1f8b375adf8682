"""What the simulated venue charges and when it deals, as journalled: a replay deals by the terms of then. Pure."""

from collections.abc import Mapping

import msgspec

from lakehouse.trading.venue import Terms
from streaming.hot.desk_hours import Hours, always_open, in_sessions


def plain_of(terms: Terms, *, is_always_open: bool) -> dict[str, object]:
    """The terms as JSON has them."""
    return {"is_always_open": is_always_open, "terms": msgspec.to_builtins(terms)}


def read(plain: Mapping[str, object]) -> tuple[Terms, Hours]:
    """What `plain_of` was given. Raises msgspec.ValidationError."""
    return msgspec.convert(plain["terms"], Terms), always_open if plain["is_always_open"] else in_sessions
