"""Switches that stop trading: for everybody, a user or a portfolio."""

from uuid import UUID

from lakehouse.clock import Clock
from lakehouse.domain.ids import uuid7
from serving.admin.repository import AdminRepository
from serving.admin.schemas import HaltIn, HaltList, HaltOut
from serving.audit.log import record
from serving.kit.access import Principal
from serving.kit.database import Database
from serving.kit.problems import ApiError


class HaltNotFound(ApiError):
    """There is no such switch, or nobody whom it could stop."""

    status = 404
    code = "halt_not_found"
    title = "No such switch, user or portfolio"


class HaltRefused(ApiError):
    """The switch holds already, or names two that it shall stop."""

    status = 409
    code = "halt_refused"
    title = "The switch cannot be set"


class HaltService:
    """Each change is audited; it holds for every order that is judged after it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._repository = AdminRepository(database)

    async def holding(self) -> HaltList:
        """What holds now."""
        return HaltList(data=await self._repository.halts())

    async def set(self, principal: Principal, wish: HaltIn) -> HaltOut:
        """Stop trading. Raises HaltRefused and HaltNotFound."""
        if wish.user_id is not None and wish.portfolio_id is not None:
            raise HaltRefused("Name a user or a portfolio: a switch for each.")
        scope = "user" if wish.user_id else "portfolio" if wish.portfolio_id else "everybody"
        halt = HaltOut(
            id=uuid7(self._clock),
            scope=scope,
            user_id=wish.user_id,
            portfolio_id=wish.portfolio_id,
            reason=wish.reason,
            set_by=principal.user_id,
            set_at=self._clock.now(),
            lifted_by=None,
            lifted_at=None,
        )
        async with self._database.transaction() as connection:
            if not await self._repository.is_known(connection, halt):
                raise HaltNotFound(f"There is no {scope} {wish.user_id or wish.portfolio_id}.")
            if not await self._repository.set_halt(connection, halt):
                raise HaltRefused(f"Trading is stopped already for this {scope}; GET /api/v1/admin/halts lists it.")
            told = halt.model_dump(mode="json", include={"scope", "user_id", "portfolio_id", "reason"})
            await record(
                connection, principal, "halt.set", clock=self._clock, object_kind="halt", object_id=halt.id, after=told
            )
        return halt

    async def lift(self, principal: Principal, halt_id: UUID) -> HaltOut:
        """Let trading go on; what was lifted before stays as it is. Raises HaltNotFound."""
        async with self._database.transaction() as connection:
            lifted = await self._repository.lift_halt(connection, halt_id, by=principal.user_id, at=self._clock.now())
            found = await self._repository.halt(connection, halt_id)
            if found is None:
                raise HaltNotFound(f"There is no switch {halt_id}.")
            if lifted:
                await record(
                    connection, principal, "halt.lifted", clock=self._clock, object_kind="halt", object_id=halt_id
                )
        return found
