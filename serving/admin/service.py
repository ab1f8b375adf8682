"""What administrators may see and change."""

from uuid import UUID

from lakehouse.clock import Clock
from serving.admin.repository import AdminRepository
from serving.admin.schemas import AuditEventOut, AuditPage, AuditQuery, UserOut, UserPage, UserPatch, UserQuery
from serving.audit.chain import Link
from serving.audit.log import record
from serving.auth.repository import AuthRepository
from serving.auth.schemas import UserStatus
from serving.kit import versions
from serving.kit.access import Principal
from serving.kit.database import Database
from serving.kit.paging import page_by_id
from serving.kit.problems import ApiError


class UserNotFound(ApiError):
    """No user has this id."""

    status = 404
    code = "user_not_found"
    title = "No such user"


class OwnRights(ApiError):
    """Administrators cannot change their own role or status: nobody locks everybody out by mistake."""

    status = 409
    code = "own_rights"
    title = "Nobody changes their own rights"


class AdminService:
    """Users and the audit log."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._repository = AdminRepository(database)
        self._auth = AuthRepository(database)
        self._clock = clock

    async def users(self, query: UserQuery, path: str) -> UserPage:
        """A page of users."""
        found = await self._repository.users(query, self._clock.now())
        rows, following = page_by_id(found, query.limit, path, query.model_dump())
        return UserPage(data=list(rows), has_more=following is not None, next=following)

    async def user(self, user_id: UUID) -> UserOut:
        """One user. Raises UserNotFound."""
        return _found(await self._repository.user(user_id, self._clock.now()), user_id)

    async def update(self, principal: Principal, user_id: UUID, patch: UserPatch, if_match: str | None) -> UserOut:
        """The user after the patch; a user whose rights change, or who is disabled, has to log in again.

        Raises UserNotFound, OwnRights and VersionConflict.
        """
        async with self._database.transaction() as connection:
            now = self._clock.now()
            known = _found(await self._repository.locked(connection, user_id, now), user_id)
            versions.check(if_match, known.version)
            wanted = known.model_copy(update={name: value for name, value in patch.changes().items() if value})
            if wanted == known:
                return known
            if user_id == principal.user_id:
                raise OwnRights("Ask another administrator, or use `tidemark user`.")
            await self._repository.change(connection, wanted, now)
            because = "disabled" if wanted.status == UserStatus.DISABLED else "role"
            await self._auth.end(connection, user_id, because=because, at=now)
            changed = _found(await self._repository.locked(connection, user_id, now), user_id)
            await record(
                connection,
                principal,
                "user.rights_changed",
                clock=self._clock,
                object_kind="user",
                object_id=user_id,
                before={"role": known.role, "status": known.status},
                after={"role": changed.role, "status": changed.status},
            )
        return changed

    async def audit(self, query: AuditQuery, path: str) -> AuditPage:
        """A page of the audit log."""
        found = await self._repository.events(query)
        rows, following = page_by_id(found, query.limit, path, query.model_dump())
        return AuditPage(data=[_event(row) for row in rows], has_more=following is not None, next=following)


def _found(user: UserOut | None, user_id: UUID) -> UserOut:
    if user is None:
        raise UserNotFound(f"There is no user {user_id}; GET /api/v1/admin/users lists those that exist.")
    return user


def _event(row: Link) -> AuditEventOut:
    return AuditEventOut(
        id=row.id,
        chain=row.chain,
        seq=row.seq,
        occurred_at=row.occurred_at,
        actor_id=row.actor_id,
        actor_kind=row.actor_kind,
        action=row.action,
        object_kind=row.object_kind,
        object_id=row.object_id,
        before=row.before,
        after=row.after,
        request_id=row.request_id,
        address=row.address,
        hash=bytes(row.hash).hex(),
    )
