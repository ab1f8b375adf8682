"""`tidemark model`: what is registered, what is in use, and who decided it."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from lakehouse.clock import SystemClock
from lakehouse.errors import TidemarkError
from lakehouse.settings import load
from lakehouse.stores.models import ModelStore, Version
from ml.inference.models import Models
from ml.registry.names import CHALLENGER, CHAMPION, PREVIOUS
from ml.registry.promotions import Decision, Promoter
from ml.registry.records import Promotion
from ml.registry.verdicts import verdict_of

ALIASES = (CHAMPION, CHALLENGER, PREVIOUS)

model = typer.Typer(help="Models: versions, the one in use, and the record of decisions.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="A registered model.")]
By = Annotated[str | None, typer.Option("--by", help="Who decides; default: the user of this machine.")]


class ReasonMissing(TidemarkError):
    """A person's decision without a reason."""

    exit_code = 2


@model.command("list")
def list_models() -> None:
    """Every registered model with the versions that its aliases point to."""
    table = Table("model", *ALIASES, box=None)
    with ModelStore(load().mlflow) as store:
        for each in store.names():
            aliases = each.aliases
            table.add_row(each.name, *(str(aliases.get(a, "-")) for a in ALIASES))
    Console(soft_wrap=True).print(table)


@model.command()
def show(name: Name) -> None:
    """A model's versions with what the gate said about each, then every decision, newest first."""
    console = Console(soft_wrap=True)
    with _promoter() as (promoter, models):
        aliases: dict[int, list[str]] = {}
        for alias, version in models.store.name(name).aliases.items():
            aliases.setdefault(version, []).append(alias)
        for each in models.store.versions(name):
            _print(console, _told(each, aliases.get(each.version, [])))
        for row in promoter.history(name):
            _print(console, _line(row))


@model.command()
def promote(
    name: Name,
    version: Annotated[int | None, typer.Option(min=1, help="Version; default: the challenger.")] = None,
    approve: Annotated[str | None, typer.Option(metavar="REASON", help="Approve it as a person, and say why.")] = None,
    despite_gate: Annotated[
        bool, typer.Option("--despite-gate", help="Even if the gate has not accepted it; needs --approve.")
    ] = False,
    by: By = None,
) -> None:
    """Put a version to use that the gate has accepted. With --approve the record names you."""
    if despite_gate and not approve:
        raise ReasonMissing("--despite-gate needs --approve REASON: the record says who overruled the gate, and why")
    decision = Decision(
        approver=_who(by) if approve else "gate",
        reason=approve or "the gate accepted it",
        despite_gate=despite_gate,
    )
    with _promoter() as (promoter, _):
        _print(Console(soft_wrap=True), _line(promoter.promote(name, decision, version=version)))


@model.command()
def rollback(
    name: Name,
    reason: Annotated[str, typer.Option(metavar="WHY", help="Why the version in use must go.")],
    by: By = None,
) -> None:
    """Put the version back that was in use before the present one."""
    if not reason.strip():
        raise ReasonMissing("say why: --reason WHY")
    with _promoter() as (promoter, _):
        decision = Decision(approver=_who(by), reason=reason)
        _print(Console(soft_wrap=True), _line(promoter.roll_back(name, decision)))


@contextmanager
def _promoter() -> Iterator[tuple[Promoter, Models]]:
    settings = load()
    with Models.of(settings) as models:
        yield Promoter(settings.postgres, models, SystemClock()), models


def _who(by: str | None) -> str:
    return by or getpass.getuser()


def _told(version: Version, aliases: list[str]) -> str:
    verdict = verdict_of(version)
    words = "; ".join(verdict.get("reasons", ())) or "judged by no gate"
    state = {True: "accepted", False: "refused"}.get(verdict.get("accepted", None), "not judged")
    made = datetime.fromtimestamp(version.created_ms / 1000, tz=UTC)
    named = ", ".join(sorted(aliases)) or "no alias"
    return f"version {version.version} [{named}] {made:%Y-%m-%d %H:%M} {state}: {words}"


def _line(row: Promotion) -> str:
    before = "nothing" if row.from_version is None else f"version {row.from_version}"
    return (
        f"{row.decided_at:%Y-%m-%d %H:%M} {row.model} {row.kind}: {before} -> version {row.to_version}, "
        f"by {row.approver}: {row.reason}"
    )


def _print(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False)
