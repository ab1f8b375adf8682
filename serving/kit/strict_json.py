"""JSON as RFC 8259 and RFC 7493 want it: UTF-8, each name once, no NaN; Python's own reader forgives all three."""

import json
from typing import NoReturn

from serving.kit.problems import BadRequest


def check(body: bytes) -> None:
    """Raise BadRequest, which says what is wrong and where, unless `body` is JSON that means one thing only."""
    try:
        json.loads(body.decode(), object_pairs_hook=_each_name_once, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise BadRequest(f"The body is not UTF-8: byte {error.start} does not fit.") from error
    except json.JSONDecodeError as error:
        raise BadRequest(f"The body is not JSON: {error.msg} at character {error.pos}.") from error
    except (ValueError, RecursionError) as error:
        raise BadRequest(
            "The body is not JSON that can be read: a number is too long, or it is nested too deep."
        ) from (error)


def _each_name_once(pairs: list[tuple[str, object]]) -> None:
    names = {name for name, _ in pairs}
    if len(names) < len(pairs):
        twice = next(name for name in names if sum(name == given for given, _ in pairs) > 1)
        raise BadRequest(f"The body has the name {twice[:80]!r} twice in one object: it is unclear which one counts.")


def _no_constant(name: str) -> NoReturn:
    raise BadRequest(f"{name} is not JSON: leave the member out, or send null where it may be null.")
