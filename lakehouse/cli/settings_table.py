"""The settings as a Markdown table, rendered from the code that reads them."""

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from lakehouse.settings import Settings


@dataclass(frozen=True, slots=True)
class SettingDoc:
    """One environment variable: its section, name, default and purpose."""

    section: str
    variable: str
    default: str
    purpose: str
    secret: bool


def documented() -> Iterator[SettingDoc]:
    """Every setting in the order of the code."""
    for section, info in Settings.model_fields.items():
        if isinstance(info.default, BaseModel):
            for name, field in type(info.default).model_fields.items():
                yield _doc(section, f"TIDEMARK_{section}__{name}".upper(), field)
        else:
            yield _doc("platform", f"TIDEMARK_{section}".upper(), info)


def markdown() -> str:
    """The page docs/settings.md."""
    lines = [
        "# Settings",
        "Rendered from `lakehouse/settings.py` by `tidemark settings --write`. A value comes from the environment,",
        "then from `$TIDEMARK_HOME/stack.env` (which `tidemark up` writes), then from the default.",
    ]
    section = ""
    for doc in documented():
        if doc.section != section:
            section = doc.section
            lines += ["", f"## {section}", "| variable | default | purpose |", "| --- | --- | --- |"]
        lines.append(f"| `{doc.variable}` | {doc.default} | {doc.purpose} |")
    return "\n".join(lines) + "\n"


def _doc(section: str, variable: str, field: FieldInfo) -> SettingDoc:
    secret = isinstance(field.default, SecretStr)
    empty = field.default is None or secret or field.default == ""
    default = "" if empty else f"`{field.default}`"
    return SettingDoc(section, variable, default, field.description or "", secret)
