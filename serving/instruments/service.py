"""The rules of instruments: what was traded keeps its currency and multiplier, and is delisted, not deleted."""

from collections.abc import Sequence

from lakehouse.clock import Clock
from lakehouse.domain.currency import MINOR_DIGITS, minor_digits
from lakehouse.stores.postgres import Transaction
from serving.audit.rows import record_rows
from serving.instruments.repository import INSTRUMENTS, InstrumentRepository
from serving.instruments.schemas import InstrumentIn, InstrumentKind, InstrumentOut, InstrumentStatus
from serving.kit.access import Principal
from serving.kit.constraints import UnknownReference
from serving.kit.crud.service import CrudService, Row, StillNeeded
from serving.kit.database import Database
from serving.kit.problems import AmountNotRepresentable, ApiError

FIXED_BY_TRADES = frozenset({"currency", "multiplier"})


class InstrumentTraded(ApiError):
    """Transactions or orders were booked by what is to be changed."""

    status = 409
    code = "instrument_traded"
    title = "The instrument has been traded already"


class WrongKind(ApiError):
    """An instrument of another kind than the terms are for."""

    status = 409
    code = "wrong_kind"
    title = "The instrument is of another kind"


class InstrumentService(CrudService[InstrumentIn, InstrumentOut]):
    """Instruments; the routes let admins alone write."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.instruments = InstrumentRepository(database, INSTRUMENTS)
        super().__init__(database, self.instruments, clock)

    async def prepare(
        self, connection: Transaction, principal: Principal, items: Sequence[InstrumentIn]
    ) -> list[Row | ApiError]:
        """Instruments belong to nobody; their amounts must be ones that the ledger can hold."""
        return [
            item.model_dump()
            if item.currency in MINOR_DIGITS
            else AmountNotRepresentable(f"{item.currency} is no currency of the ledger.")
            for item in items
        ]

    async def change(self, connection: Transaction, principal: Principal, current: InstrumentOut, changes: Row) -> Row:
        """The changes. Raises CurrencyError, and InstrumentTraded where amounts would change their meaning."""
        minor_digits(str(changes.get("currency", current.currency)))
        moved = [name for name in FIXED_BY_TRADES & changes.keys() if changes[name] != getattr(current, name)]
        if moved and await self._is_fixed(connection, current, changes, moved):
            raise InstrumentTraded(
                f"{current.symbol} has transactions or orders, so its {' and '.join(sorted(moved))} cannot change: "
                "delist it and add another one."
            )
        return changes

    async def _is_fixed(
        self, connection: Transaction, current: InstrumentOut, changes: Row, moved: Sequence[str]
    ) -> bool:
        """Whether what was booked keeps these as they are. The currency of a draft was a guess, so it may be mended."""
        if current.status is InstrumentStatus.DRAFT and moved == ["currency"]:
            return await self.instruments.is_contradicted(connection, current.symbol, str(changes["currency"]))
        return await self.instruments.is_traded(connection, current.symbol)

    async def written(
        self, connection: Transaction, principal: Principal, action: str, rows: Sequence[InstrumentOut]
    ) -> None:
        """Every change is written to the audit log."""
        await record_rows(connection, principal, action, rows, kind="instrument", clock=self.clock)

    def needed(self, current: InstrumentOut) -> ApiError:
        """What to do in place of deleting an instrument that something names."""
        return StillNeeded(f'{current.symbol} is named by something: set its status to "delisted" instead.')


async def kind_problems(
    instruments: InstrumentRepository, connection: Transaction, symbols: Sequence[str], wanted: InstrumentKind
) -> list[ApiError | None]:
    """For each symbol why it cannot have terms of the kind `wanted`; None where it can."""
    kinds = await instruments.kinds(connection, set(symbols))
    return [_problem(symbol, kinds.get(symbol), wanted) for symbol in symbols]


def _problem(symbol: str, kind: InstrumentKind | None, wanted: InstrumentKind) -> ApiError | None:
    if kind is None:
        return UnknownReference(f"There is no instrument {symbol}: POST /api/v1/instruments adds it.")
    if kind is not wanted:
        return WrongKind(f"{symbol} is of the kind {kind}; these terms are for the kind {wanted}.")
    return None
