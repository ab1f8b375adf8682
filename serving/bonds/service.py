"""The rules of bonds: terms belong to an instrument of the kind bond."""

from collections.abc import Sequence
from uuid import UUID

from lakehouse.clock import Clock
from lakehouse.stores.postgres import Transaction
from serving.bonds.repository import BONDS
from serving.bonds.schemas import BondIn, BondOut, BondValuation, BondValuationQuery
from serving.bonds.valuation import BondValue
from serving.instruments.repository import INSTRUMENTS, InstrumentRepository
from serving.instruments.schemas import InstrumentKind
from serving.instruments.service import kind_problems
from serving.kit.access import Principal
from serving.kit.crud.repository import CrudRepository
from serving.kit.crud.service import CrudService, Row
from serving.kit.database import Database
from serving.kit.pricing import Pricer
from serving.kit.problems import ApiError


class BondService(CrudService[BondIn, BondOut]):
    """Terms of bonds; the routes let admins alone write."""

    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(database, CrudRepository(database, BONDS), clock)
        self._instruments = InstrumentRepository(database, INSTRUMENTS)
        self._pricer = Pricer()

    async def value(self, principal: Principal, row_id: UUID, query: BondValuationQuery) -> BondValuation:
        """Its worth under the inputs. Raises NotFound, NotPriceable."""
        found = await self.detail(principal, row_id)
        return await self._pricer.run(BondValue(found, query.on or self.clock.now().date(), query))

    async def prepare(
        self, connection: Transaction, principal: Principal, items: Sequence[BondIn]
    ) -> list[Row | ApiError]:
        """A row of each item whose instrument is a bond."""
        symbols = [item.symbol for item in items]
        problems = await kind_problems(self._instruments, connection, symbols, InstrumentKind.BOND)
        return [problem or item.model_dump() for item, problem in zip(items, problems, strict=True)]
