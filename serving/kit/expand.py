"""`expand=`: related objects inside the answer, for a short list that the resource allows; nothing is nested deeper."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import Field

MAX_EXPANDED = 4


def expand_of(allowed: Sequence[str]) -> Any:
    """The type of a query parameter `expand` that takes any of `allowed`, each as a parameter of its own."""
    names: Any = Literal[tuple(allowed)]
    return Annotated[
        list[names],
        Field(max_length=MAX_EXPANDED),
        Query(description=f"related objects to show inside the answer, null otherwise: {', '.join(allowed)}"),
    ]
