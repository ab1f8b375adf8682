"""Merge patches (RFC 7396): what is named changes, what is not named stays, null only where a value may be absent."""

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, model_validator


class MergePatch(BaseModel):
    """Base of patch bodies: every field is optional, and `NULLABLE` names those that null may clear."""

    model_config = ConfigDict(extra="forbid")
    NULLABLE: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="before")
    @classmethod
    def _no_null_where_a_value_must_be(cls, given: Any) -> Any:
        if isinstance(given, dict):
            wrong = sorted(name for name, value in given.items() if value is None and name not in cls.NULLABLE)
            if wrong:
                raise ValueError(f"null is no value for {', '.join(wrong)}: leave a field out to keep it")
        return given

    def changes(self) -> dict[str, object]:
        """The fields that were given, by name."""
        return self.model_dump(exclude_unset=True)
