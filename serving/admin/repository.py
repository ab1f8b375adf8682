"""All SQL of administration."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from lakehouse.domain.ids import SYSTEM_USER
from lakehouse.stores.postgres import Transaction
from serving.admin.schemas import AuditQuery, HaltOut, UserOut, UserQuery
from serving.audit.chain import Link
from serving.kit.database import Database, find_in

USER: Final[LiteralString] = """
    SELECT u.id, u.email, u.display_name, u.role, u.status, u.version, u.created_at, u.updated_at,
        (SELECT count(*) FROM auth.session AS s
         WHERE s.user_id = u.id AND s.ended_at IS NULL AND s.expires_at > %(now)s) AS live_sessions,
        (SELECT count(*) FROM auth.api_key AS k
         WHERE k.user_id = u.id AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > %(now)s)
        ) AS live_api_keys
    FROM auth.app_user AS u
    WHERE u.id <> %(system)s
"""
USERS: Final[LiteralString] = (
    USER
    + """
      AND (%(after)s::uuid IS NULL OR u.id > %(after)s)
      AND (%(email)s::text IS NULL OR strpos(u.email, lower(%(email)s)) > 0)
      AND (%(role)s::text IS NULL OR u.role = %(role)s)
      AND (%(status)s::text IS NULL OR u.status = %(status)s)
    ORDER BY u.id LIMIT %(limit)s
"""
)
ONE: Final[LiteralString] = USER + " AND u.id = %(id)s"
LOCK: Final[LiteralString] = ONE + " FOR NO KEY UPDATE OF u"
CHANGE: Final[LiteralString] = """
    UPDATE auth.app_user SET role = %(role)s, status = %(status)s, version = version + 1, updated_at = %(now)s
    WHERE id = %(id)s
"""
EVENTS: Final[LiteralString] = """
    SELECT e.id, e.occurred_at, e.actor_id, e.actor_kind, e.action, e.object_kind, e.object_id, e.before, e.after,
        e.request_id, e.address, e.chain, e.seq, e.previous_hash, e.hash
    FROM audit.event AS e
    WHERE (%(after)s::uuid IS NULL OR e.id < %(after)s)
      AND (%(actor_id)s::uuid IS NULL OR e.actor_id = %(actor_id)s)
      AND (%(action)s::text IS NULL OR e.action = %(action)s)
      AND (%(object_kind)s::text IS NULL OR e.object_kind = %(object_kind)s)
      AND (%(object_id)s::text IS NULL OR e.object_id = %(object_id)s)
    ORDER BY e.id DESC LIMIT %(limit)s
"""
HALT: Final[LiteralString] = """
    SELECT h.id, h.scope, h.user_id, h.portfolio_id, h.reason, h.set_by, h.set_at, h.lifted_by, h.lifted_at
    FROM trading.halt AS h
"""
HALTS: Final[LiteralString] = HALT + " WHERE h.lifted_at IS NULL ORDER BY h.id"
ONE_HALT: Final[LiteralString] = HALT + " WHERE h.id = %(id)s"
KNOWN: Final[LiteralString] = """
    SELECT CASE %(scope)s
        WHEN 'user' THEN EXISTS (SELECT FROM auth.app_user AS u WHERE u.id = %(user_id)s AND u.id <> %(system)s)
        WHEN 'portfolio' THEN EXISTS (SELECT FROM app.portfolio AS p WHERE p.id = %(portfolio_id)s)
        ELSE true END AS is_it
"""
SET_HALT: Final[LiteralString] = """
    INSERT INTO trading.halt (id, scope, user_id, portfolio_id, reason, set_by, set_at)
    VALUES (%(id)s, %(scope)s, %(user_id)s, %(portfolio_id)s, %(reason)s, %(set_by)s, %(set_at)s)
    ON CONFLICT DO NOTHING
    RETURNING true AS is_it
"""
LIFT: Final[LiteralString] = """
    UPDATE trading.halt SET lifted_by = %(by)s, lifted_at = greatest(%(at)s, set_at)
    WHERE id = %(id)s AND lifted_at IS NULL
    RETURNING true AS is_it
"""
NUMBERS: Final[LiteralString] = """
    SELECT
        (SELECT count(*) FROM auth.app_user WHERE id <> %(system)s) AS users,
        (SELECT count(*) FROM auth.app_user WHERE id <> %(system)s AND status = 'active') AS active_users,
        (SELECT count(*) FROM auth.app_user WHERE role = 'admin' AND status = 'active') AS admins,
        (SELECT count(*) FROM auth.app_user WHERE id <> %(system)s AND created_at > %(yesterday)s) AS new_users,
        (SELECT count(*) FROM auth.session WHERE ended_at IS NULL AND expires_at > %(now)s) AS live_sessions,
        (SELECT count(*) FROM auth.api_key WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > %(now)s))
            AS live_api_keys,
        (SELECT count(*) FROM app.portfolio) AS portfolios,
        (SELECT count(*) FROM app.account) AS accounts,
        (SELECT count(*) FROM app.position) AS positions,
        (SELECT count(*) FROM app.transaction) AS transactions,
        (SELECT count(*) FROM ops.outbox WHERE published_at IS NULL) AS outbox_waiting,
        (SELECT min(occurred_at) FROM ops.outbox WHERE published_at IS NULL) AS outbox_oldest_at
"""
ORDERS: Final[LiteralString] = "SELECT status, count(*) AS count FROM trading.order GROUP BY status ORDER BY status"


@dataclass(frozen=True, slots=True)
class Numbers:
    """Counts of one moment."""

    users: int
    active_users: int
    admins: int
    new_users: int
    live_sessions: int
    live_api_keys: int
    portfolios: int
    accounts: int
    positions: int
    transactions: int
    outbox_waiting: int
    outbox_oldest_at: datetime | None


@dataclass(frozen=True, slots=True)
class StatusCount:
    """Orders of one status."""

    status: str
    count: int


@dataclass(frozen=True, slots=True)
class _Truth:
    is_it: bool


class AdminRepository:
    """Every method raises PostgresUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def users(self, query: UserQuery, now: datetime) -> list[UserOut]:
        """A page of users by id, and one more row where more follow."""
        names = {
            "now": now,
            "system": SYSTEM_USER,
            "after": query.starting_after,
            "email": query.email,
            "role": query.role,
            "status": query.status,
            "limit": query.limit + 1,
        }
        return await self._database.fetch(USERS, names, UserOut)

    async def user(self, user_id: UUID, now: datetime) -> UserOut | None:
        """One user, or None."""
        return await self._database.find(ONE, {"now": now, "system": SYSTEM_USER, "id": user_id}, UserOut)

    async def locked(self, connection: Transaction, user_id: UUID, now: datetime) -> UserOut | None:
        """One user, locked until the transaction ends, or None."""
        return await find_in(connection, LOCK, {"now": now, "system": SYSTEM_USER, "id": user_id}, UserOut)

    async def change(self, connection: Transaction, user: UserOut, now: datetime) -> None:
        """Write the role and status of `user`."""
        await connection.execute(CHANGE, {"id": user.id, "role": user.role, "status": user.status, "now": now})

    async def events(self, query: AuditQuery) -> list[Link]:
        """A page of the audit log, newest first, and one more row where more follow."""
        names = {
            "after": query.starting_after,
            "actor_id": query.actor_id,
            "action": query.action,
            "object_kind": query.object_kind,
            "object_id": query.object_id,
            "limit": query.limit + 1,
        }
        return await self._database.fetch(EVENTS, names, Link)

    async def numbers(self, now: datetime, yesterday: datetime) -> Numbers:
        """Counts of what there is."""
        names = {"now": now, "yesterday": yesterday, "system": SYSTEM_USER}
        return (await self._database.fetch(NUMBERS, names, Numbers))[0]

    async def orders(self) -> dict[str, int]:
        """Orders by status."""
        return {row.status: row.count for row in await self._database.fetch(ORDERS, {}, StatusCount)}

    async def halts(self) -> list[HaltOut]:
        """The switches that hold, oldest first."""
        return await self._database.fetch(HALTS, {}, HaltOut)

    async def halt(self, connection: Transaction, halt_id: UUID) -> HaltOut | None:
        """One switch, or None."""
        return await find_in(connection, ONE_HALT, {"id": halt_id}, HaltOut)

    async def is_known(self, connection: Transaction, halt: HaltOut) -> bool:
        """Whether there is whom it would stop."""
        found = await find_in(connection, KNOWN, {**halt.model_dump(), "system": SYSTEM_USER}, _Truth)
        return found is not None and found.is_it

    async def set_halt(self, connection: Transaction, halt: HaltOut) -> bool:
        """Write a switch; False where one like it holds."""
        return await find_in(connection, SET_HALT, halt.model_dump(), _Truth) is not None

    async def lift_halt(self, connection: Transaction, halt_id: UUID, *, by: UUID, at: datetime) -> bool:
        """Lift a switch; False where there is none that holds."""
        return await find_in(connection, LIFT, {"id": halt_id, "by": by, "at": at}, _Truth) is not None
