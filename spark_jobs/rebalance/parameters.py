"""What a rebalancing run goes by: its windows, and everything that PostgreSQL said when it was planned.

Policies, cash and lots have no versions in PostgreSQL, so the plan writes them down as the run's parameters: the
manifest then recomputes the run bit for bit, whatever has been traded since.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from lakehouse.construction.lots import Short
from lakehouse.construction.policy import Policy
from lakehouse.construction.policy_document import parse as parse_policy
from lakehouse.construction.taxes import TaxLot
from lakehouse.portfolio.lots import LotMethod
from ml.inference.regime import RegimeChain, from_document

TRADING_DAYS_A_YEAR = 250


@dataclass(frozen=True, slots=True)
class Windows:
    """`window_days` returns behind moments and risk, about two years; `regime_days` of the market's index behind the
    regime, five years and what its first volatility needs."""

    window_days: int = 500
    regime_days: int = 1321
    estimator: str = "ledoit_wolf"

    def first_year(self, business_date: date) -> int:
        """The first calendar year to read, with one to spare."""
        return business_date.year - -(-self.regime_days // TRADING_DAYS_A_YEAR) - 1


@dataclass(frozen=True, slots=True)
class Due:
    """A portfolio that is due: who it is, what it may spend, its lots by symbol in the order in which they were opened,
    and its policy with the limits of its objective in it. `kept` units are promised to open orders, `coming` ones may
    be bought by others. `shorts` is what is kept back for what is sold short, and the account `may_short` or not."""

    portfolio_id: UUID
    name: str
    currency: str
    cash: Decimal
    lots: Mapping[str, tuple[TaxLot, ...]]
    policy: Policy
    kept: Mapping[str, Decimal] = field(default_factory=dict)
    coming: Mapping[str, Decimal] = field(default_factory=dict)
    lot_method: LotMethod = LotMethod.SPECIFIC
    shorts: Mapping[str, Short] = field(default_factory=dict)
    may_short: bool = False


@dataclass(frozen=True, slots=True)
class RegimeModel:
    """The model that was in use when the run was planned, all of it: `source` is model:NAME@VERSION."""

    source: str
    chain: RegimeChain


@dataclass(frozen=True, slots=True)
class Parameters:
    """All of a run. `multipliers` of the instruments whose contract is not of one unit."""

    windows: Windows
    due: tuple[Due, ...]
    regime_model: RegimeModel | None = None
    multipliers: Mapping[str, Decimal] = field(default_factory=dict)


def parse(told: Mapping[str, Any]) -> Parameters:
    """The parameters of a manifest. Raises KeyError, TypeError, ValueError for what are none."""
    model = told.get("regime_model")  # runs of before it existed have none
    return Parameters(
        Windows(**told["windows"]),
        tuple(map(_due, told["due"])),
        None if model is None else RegimeModel(str(model["source"]), from_document(model["chain"])),
        {symbol: Decimal(each) for symbol, each in told.get("multipliers", {}).items()},
    )


def _due(told: Mapping[str, Any]) -> Due:
    lots: dict[str, list[TaxLot]] = {}
    for lot in _sequence(told["lots"]):
        found = TaxLot(
            UUID(lot["id"]), date.fromisoformat(lot["opened_on"]), Decimal(lot["quantity"]), Decimal(lot["cost"])
        )
        lots.setdefault(lot["symbol"], []).append(found)
    return Due(
        portfolio_id=UUID(told["portfolio_id"]),
        name=told["name"],
        currency=told["currency"],
        cash=Decimal(told["cash"]),
        lots={symbol: tuple(found) for symbol, found in lots.items()},
        policy=parse_policy(told["policy"]),
        # Runs of before these were read have none, and chose the lots of every account.
        kept={symbol: Decimal(units) for symbol, units in told.get("kept", {}).items()},
        coming={symbol: Decimal(units) for symbol, units in told.get("coming", {}).items()},
        lot_method=LotMethod(told.get("lot_method", LotMethod.SPECIFIC)),
        shorts={
            symbol: Short(Decimal(short["kept"]), Decimal(short["freed"]))
            for symbol, short in told.get("shorts", {}).items()
        },
        may_short=told.get("may_short", False),
    )


def _sequence(told: Any) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = told
    return found
