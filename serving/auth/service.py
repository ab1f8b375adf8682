"""Registration, logins and the user's own record."""

from dataclasses import dataclass

from lakehouse.clock import Clock
from lakehouse.domain.ids import uuid7
from lakehouse.settings import AuthSettings
from lakehouse.stores.postgres import Transaction
from serving.audit.log import record
from serving.auth.passwords import Passwords, refuse_common
from serving.auth.repository import AuthRepository, UserRow
from serving.auth.schemas import Credentials, Me, MePatch, PasswordChange, Registration, Role, UserStatus
from serving.auth.sessions import Caller, Grant, Sessions, require_session
from serving.auth.throttle import Throttle
from serving.kit.access import NotAuthenticated, Principal
from serving.kit.database import Database
from serving.kit.problems import ApiError

WRONG = "The e-mail address or the password is wrong."


class RegistrationClosed(ApiError):
    """auth.allow_registration is off: an administrator adds users by `tidemark user add`."""

    status = 403
    code = "registration_closed"
    title = "Nobody may register here"


class LoginRefused(NotAuthenticated):
    """The e-mail address or the password is wrong; which of the two is not said."""

    code = "login_refused"
    title = "The login was refused"


class WrongPassword(ApiError):
    """The current password is wrong."""

    status = 403
    code = "wrong_password"
    title = "The current password is wrong"


@dataclass(frozen=True, slots=True)
class Guards:
    """What stands between a guesser and an account."""

    passwords: Passwords
    throttle: Throttle


class AuthService:
    """Who a user is. Every change is written to the audit log in its own transaction."""

    def __init__(
        self, section: AuthSettings, database: Database, sessions: Sessions, guards: Guards, clock: Clock
    ) -> None:
        self._section = section
        self._database = database
        self._repository = AuthRepository(database)
        self._sessions = sessions
        self._passwords = guards.passwords
        self._throttle = guards.throttle
        self._clock = clock

    async def register(self, asked: Registration, caller: Caller) -> None:
        """Write the user, unless the address is taken: the caller cannot tell, by answer or by time.

        Raises RegistrationClosed, PasswordTooCommon, TooManyRequests and LimitsUnavailable.
        """
        if not self._section.allow_registration:
            raise RegistrationClosed("Ask an administrator of this server for an account.")
        email = asked.email.lower()
        refuse_common(asked.password, email)
        await self._throttle.admit_address(caller.address)
        now = self._clock.now()
        hashed = await self._passwords.hash(asked.password)
        user = UserRow(uuid7(self._clock), email, asked.display_name, hashed, Role.USER, UserStatus.ACTIVE, 1, now)
        async with self._database.transaction() as connection:
            is_new = await self._repository.add_user(connection, user)
            action, object_id = ("user.registered", str(user.id)) if is_new else ("user.registered_again", "")
            actor = Principal(user.id, frozenset()) if is_new else None
            await record(connection, actor, action, clock=self._clock, object_kind="user", object_id=object_id)

    async def login(self, given: Credentials, caller: Caller) -> Grant:
        """A new session. Raises LoginRefused, TooManyRequests and LimitsUnavailable."""
        email = given.email.lower()
        await self._throttle.admit(email, caller.address)
        user = await self._repository.user_by_email(email)
        known = user.password_hash if user is not None and user.status == UserStatus.ACTIVE else None
        if not await self._passwords.matches(given.password, known) or user is None or known is None:
            await self._note_failure(user)
            raise LoginRefused(WRONG)
        await self._throttle.forgive(email, caller.address)
        fresh = await self._passwords.hash(given.password) if self._passwords.is_outdated(known) else None
        async with self._database.transaction() as connection:
            if fresh is not None:
                await self._repository.rehash(connection, user.id, known=known, password_hash=fresh)
            return await self._sessions.start(connection, user.id, caller)

    async def me(self, principal: Principal) -> Me:
        """The caller's own record."""
        async with self._database.transaction() as connection:
            return _me(await self._own(connection, principal), principal)

    async def update(self, principal: Principal, patch: MePatch) -> Me:
        """The record after a merge patch."""
        async with self._database.transaction() as connection:
            user = await self._own(connection, principal)
            if patch.display_name is None or patch.display_name == user.display_name:
                return _me(user, principal)
            await self._repository.rename(connection, user.id, patch.display_name, self._clock.now())
            changed = await self._own(connection, principal)
            await record(
                connection,
                principal,
                "user.renamed",
                clock=self._clock,
                object_kind="user",
                object_id=user.id,
                before={"display_name": user.display_name},
                after={"display_name": changed.display_name},
            )
        return _me(changed, principal)

    async def change_password(self, principal: Principal, asked: PasswordChange, caller: Caller) -> None:
        """Set another password and end every other session. Keys stay: they have a secret of their own.

        Raises WrongPassword, PasswordTooCommon, NotAllowed for API keys, TooManyRequests and LimitsUnavailable.
        """
        require_session(principal)
        async with self._database.transaction() as connection:
            user = await self._own(connection, principal)
        refuse_common(asked.new_password, user.email)
        await self._throttle.admit(user.email, caller.address)
        if not await self._passwords.matches(asked.current_password, user.password_hash):
            raise WrongPassword("Send the password by which you log in now.")
        await self._throttle.forgive(user.email, caller.address)
        hashed = await self._passwords.hash(asked.new_password)
        async with self._database.transaction() as connection:
            await self._own(connection, principal)
            await self._repository.set_password(connection, user.id, hashed, self._clock.now())
            ended = await self._sessions.end(connection, user.id, because="password", keep=principal.session_id)
            await record(
                connection,
                principal,
                "user.password_changed",
                clock=self._clock,
                object_kind="user",
                object_id=user.id,
                after={"sessions_ended": len(ended)},
            )

    async def _own(self, connection: Transaction, principal: Principal) -> UserRow:
        user = await self._repository.user(connection, principal.user_id)
        if user is None:
            raise NotAuthenticated("The user does not exist any more.")
        return user

    async def _note_failure(self, user: UserRow | None) -> None:
        """One row whether or not there is such a user, so that both take the same time."""
        async with self._database.transaction() as connection:
            object_id = "" if user is None else str(user.id)
            await record(
                connection, None, "session.refused", clock=self._clock, object_kind="user", object_id=object_id
            )


def _me(user: UserRow, principal: Principal) -> Me:
    return Me(
        id=user.id,
        email=user.email,
        display_name=user.display_name,
        role=Role(user.role),
        created_at=user.created_at,
        scopes=sorted(principal.scopes),
        session_id=principal.session_id,
        api_key_id=principal.api_key_id,
    )
