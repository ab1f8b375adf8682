"""The parameters of a run, as they stand in its manifest: scenarios, and what the books said of the day."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from lakehouse.portfolio.fx import Quoted, Rates
from lakehouse.portfolio.transactions import Kind
from lakehouse.risk.hypotheticals import HYPOTHETICALS
from lakehouse.risk.scenarios import WINDOWS, Hypothetical, Shock, Target, Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A transaction of the day: `quantity` and `price` are 0 of what has no units; amounts in minor units of
    `currency`, `cash_minor` negative for what is paid out; `fx_rate` units of it for one of the instrument's."""

    kind: Kind
    symbol: str = ""
    quantity: Decimal = Decimal(0)
    price: Decimal = Decimal(0)
    currency: str
    gross_minor: int = 0
    cash_minor: int = 0
    charges_minor: int = 0
    fx_rate: Decimal = Decimal(1)
    ratio: Decimal = Decimal(1)
    related_symbol: str = ""
    to_currency: str = ""
    to_minor: int = 0


@dataclass(frozen=True, slots=True)
class Booked:
    """What PostgreSQL said of the time after the close before, `previous`: transactions in their order and the cash of
    other currencies at that close, by portfolio; rates of both days; units of the underlying by symbol, where not 1."""

    previous: date | None
    facts: Mapping[str, tuple[Fact, ...]]
    cash: Mapping[str, Mapping[str, int]]
    rates: Rates
    multipliers: Mapping[str, Decimal]

    @property
    def symbols(self) -> set[str]:
        """Every instrument that a transaction names."""
        named = {name for facts in self.facts.values() for fact in facts for name in (fact.symbol, fact.related_symbol)}
        return named - {""}


@dataclass(frozen=True, slots=True)
class Scenarios:
    """What is tried: windows, shocks, and for reverse stress the share of the gross value that is lost, over moves
    like those of the last `window_days`, which betas to the `benchmark` are told of too. `sectors` of what is held, as
    they were when the run was planned."""

    windows: tuple[Window, ...] = WINDOWS
    hypotheticals: tuple[Hypothetical, ...] = HYPOTHETICALS
    reverse_loss: float = 0.1
    window_days: int = 500
    benchmark: str = "SPY"
    sectors: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """JSON values."""
        windows = [
            {**asdict(each), "first": each.first.isoformat(), "last": each.last.isoformat()} for each in self.windows
        ]
        return {**asdict(self), "windows": windows, "hypotheticals": [asdict(each) for each in self.hypotheticals]}


def scenarios(document: Mapping[str, Any]) -> Scenarios:
    """The scenarios that `document()` told; an older run's lack what came later."""
    windows = tuple(
        Window(**{**each, "first": date.fromisoformat(each["first"]), "last": date.fromisoformat(each["last"])})
        for each in document["windows"]
    )
    made_up = tuple(
        Hypothetical(
            each["name"],
            each["title"],
            tuple(Shock(Target(shock["target"]), shock["move"], shock["key"]) for shock in each["shocks"]),
            each.get("source", ""),
        )
        for each in document["hypotheticals"]
    )
    later = {name: document[name] for name in ("benchmark", "sectors") if name in document}
    return Scenarios(windows, made_up, document["reverse_loss"], document["window_days"], **later)


def booked(document: Mapping[str, Any]) -> Booked:
    """The books' part of the parameters, as `books.read` told it."""
    previous = document["previous"]
    quoted = (
        Quoted(base, quote, date.fromisoformat(as_of), Decimal(rate)) for base, quote, as_of, rate in document["rates"]
    )
    return Booked(
        previous=date.fromisoformat(previous) if previous else None,
        facts={portfolio: tuple(map(_fact, told)) for portfolio, told in document["facts"].items()},
        cash=document["cash"],
        rates=Rates(quoted),
        multipliers={symbol: Decimal(value) for symbol, value in document["multipliers"].items()},
    )


def _fact(told: Mapping[str, Any]) -> Fact:
    exact = {name: Decimal(told[name]) for name in ("quantity", "price", "fx_rate", "ratio")}
    return Fact(**{**told, **exact, "kind": Kind(told["kind"])})
