"""Bodies and answers of `POST .../batch`."""

from collections.abc import Sequence
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from serving.kit.problems import ApiError
from serving.kit.types import Flag

MAX_ITEMS = 500

Item = TypeVar("Item", bound=BaseModel)


class Batch(BaseModel, Generic[Item]):
    """Objects to create together."""

    model_config = ConfigDict(extra="forbid")

    atomic: Flag = Field(True, description="true: all or none; false: each item for itself")
    items: Annotated[list[Item], Field(min_length=1, max_length=MAX_ITEMS)] = Field(description="one object each")


# A batch as the routes take it: with `atomic` beside its items, or as a bare array, which is all or none.
Many = Batch[Item] | list[Item]


class Refused(BaseModel):
    """Why an item was not written."""

    status: int = Field(ge=400, le=599, description="the status that it would have had alone")
    code: str = Field(description="stable name of the kind of problem")
    title: str = Field(description="the kind of problem")
    detail: str = Field(description="what to do")


class BatchResult(BaseModel, Generic[Item]):
    """What became of one item."""

    index: int = Field(ge=0, description="place in `items`")
    status: int = Field(description="201, or the status of the problem")
    item: Item | None = Field(description="the object; null where it was refused")
    problem: Refused | None = Field(description="why it was refused; null where it was written")


class BatchOut(BaseModel, Generic[Item]):
    """What became of each item, in order."""

    created: int = Field(ge=0, description="items written")
    refused: int = Field(ge=0, description="items not written")
    data: list[BatchResult[Item]] = Field(description="one a given item")


class BatchRefused(ApiError):
    """An atomic batch with a refused item: nothing was written."""

    status = 409
    code = "batch_refused"
    title = "The batch was refused as a whole"


def result_of(index: int, outcome: Item | ApiError) -> BatchResult[Item]:
    """One line of the answer."""
    if isinstance(outcome, ApiError):
        problem = Refused(status=outcome.status, code=outcome.code, title=outcome.title, detail=outcome.detail)
        return BatchResult(index=index, status=outcome.status, item=None, problem=problem)
    return BatchResult(index=index, status=201, item=outcome, problem=None)


def answer_of(outcomes: Sequence[Item | ApiError], *, atomic: bool) -> BatchOut[Item]:
    """The answer. Raises BatchRefused with every result where an atomic batch has a refusal."""
    results: list[BatchResult[Item]] = [result_of(index, outcome) for index, outcome in enumerate(outcomes)]
    refused = sum(result.problem is not None for result in results)
    answer: BatchOut[Item] = BatchOut(created=len(results) - refused, refused=refused, data=results)
    if atomic and refused:
        raise BatchRefused(
            "Nothing was written; `data` says what was wrong with which item.",
            extension=BatchOut(created=0, refused=len(results), data=results),
        )
    return answer


def items_of(body: Many[Item]) -> tuple[list[Item], bool]:
    """The items, and whether it is all of them or none."""
    return (body, True) if isinstance(body, list) else (body.items, body.atomic)


def written_of(body: Batch[Any] | list[Any], outcomes: Sequence[Item | ApiError]) -> bytes:
    """The answer's JSON: what became of each item, or, of a bare array, the objects. Raises BatchRefused."""
    if not isinstance(body, list):
        return answer_of(outcomes, atomic=body.atomic).model_dump_json().encode()
    made = [each.item for each in answer_of(outcomes, atomic=True).data if each.item is not None]
    return b"[" + b",".join(each.model_dump_json().encode() for each in made) + b"]"
