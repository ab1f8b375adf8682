"""A session's refresh tokens, whatever is done with them in whatever order: a state machine against PostgreSQL."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from lakehouse.clock import ManualClock
from lakehouse.domain.ids import uuid7
from lakehouse.settings import Settings
from lakehouse.stores import postgres
from lakehouse.stores.postgres import read_pool, write_pool
from serving.auth import keys
from serving.auth.sessions import Caller, Grant, RefreshRefused, RefreshTokenSpent, Sessions
from serving.auth.tokens import AccessTokens
from serving.kit.database import Database

pytestmark = pytest.mark.integration

GRACE_S, LIFE_S = 10, 3600
CALLER = Caller("127.0.0.1")


Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class World:
    """Sessions on a real database, with a clock of ours."""

    settings: Settings
    database: Database
    sessions: Sessions
    clock: ManualClock
    loop: asyncio.AbstractEventLoop

    def run(self, call: Coroutine[Any, Any, Result]) -> Result:
        return self.loop.run_until_complete(call)


class Family(RuleBasedStateMachine):
    """Model: the tokens in the order of their making, when each was spent, and whether the session lives."""

    world: ClassVar[World]
    tokens = Bundle("tokens")

    @initialize(target=tokens)
    def log_in(self) -> str:
        self.user_id = uuid7(self.world.clock)
        with postgres.connect(self.world.settings.postgres) as connection:
            connection.execute(
                "INSERT INTO auth.app_user (id, email, display_name) VALUES (%s, %s, 'a user')",
                (self.user_id, f"{self.user_id.hex}@example.com"),
            )
        grant = self.world.run(self._start())
        self.session_id = grant.access.session_id
        self.started_at = self.world.clock.now()
        self.spent: dict[str, Any] = {grant.refresh_token: None}
        self.newest = grant.refresh_token
        self.is_ended = False
        return grant.refresh_token

    async def _start(self) -> Grant:
        async with self.world.database.transaction() as connection:
            return await self.world.sessions.start(connection, self.user_id, CALLER)

    @property
    def lives(self) -> bool:
        return not self.is_ended and self.world.clock.now() < self.started_at + timedelta(seconds=LIFE_S)

    @rule(target=tokens, token=tokens)
    def refresh(self, token: str) -> str:
        """Any token that was ever handed out."""
        spent_at = self.spent[token]
        if not self.lives:
            with pytest.raises(RefreshRefused):
                self.world.run(self.world.sessions.refresh(token))
        elif spent_at is None:
            assert token == self.newest
            self.spent[token] = self.world.clock.now()
            self.newest = self.world.run(self.world.sessions.refresh(token)).refresh_token
            self.spent[self.newest] = None
            return self.newest
        elif self.world.clock.now() - spent_at <= timedelta(seconds=GRACE_S):
            with pytest.raises(RefreshTokenSpent):
                self.world.run(self.world.sessions.refresh(token))
        else:
            with pytest.raises(RefreshRefused):
                self.world.run(self.world.sessions.refresh(token))
            self.is_ended = True
        return token

    @rule()
    def refresh_twice_at_once(self) -> None:
        if not self.lives:
            return

        async def both() -> list[Any]:
            asked = (self.world.sessions.refresh(self.newest), self.world.sessions.refresh(self.newest))
            return list(await asyncio.gather(*asked, return_exceptions=True))

        found = self.world.run(both())
        won = [each for each in found if isinstance(each, Grant)]
        lost = [each for each in found if isinstance(each, RefreshTokenSpent)]
        assert (len(won), len(lost)) == (1, 1)
        self.spent[self.newest] = self.world.clock.now()
        self.newest = won[0].refresh_token
        self.spent[self.newest] = None

    @rule(seconds=st.sampled_from((1, GRACE_S, GRACE_S + 1, LIFE_S // 3)))
    def wait(self, seconds: int) -> None:
        self.world.clock.sleep(seconds)

    @rule(token=consumes(tokens))
    def log_out(self, token: str) -> None:
        self.world.run(self.world.sessions.logout(token))
        self.is_ended = True

    @rule()
    def refresh_with_what_was_never_handed_out(self) -> None:
        with pytest.raises(RefreshRefused):
            self.world.run(self.world.sessions.refresh("made up"))

    @invariant()
    def the_store_agrees(self) -> None:
        if not hasattr(self, "session_id"):
            return
        with postgres.connect(self.world.settings.postgres) as connection:
            row = connection.execute(
                "SELECT s.ended_at IS NOT NULL, s.expires_at, "
                "(SELECT count(*) FROM auth.refresh_token AS t WHERE t.session_id = s.id AND t.spent_at IS NULL), "
                "(SELECT count(*) FROM auth.refresh_token AS t WHERE t.session_id = s.id) "
                "FROM auth.session AS s WHERE s.id = %s",
                (self.session_id,),
            ).fetchone()
        assert row == (self.is_ended, self.started_at + timedelta(seconds=LIFE_S), 1, len(self.spent))


def test_the_family_keeps_its_rules(books: Settings, tmp_path: Path) -> None:
    section = books.auth.model_copy(update={"refresh_grace_s": GRACE_S, "refresh_ttl_s": LIFE_S})
    clock = ManualClock()
    keys.ensure(tmp_path, clock)
    loop = asyncio.new_event_loop()
    read, write = (make(books.postgres, timeout_s=60.0) for make in (read_pool, write_pool))
    loop.run_until_complete(read.open())
    loop.run_until_complete(write.open())
    database = Database(read, write)
    sessions = Sessions(section, database, AccessTokens(section, tmp_path, clock), clock)
    Family.world = World(books, database, sessions, clock, loop)
    how = settings(max_examples=12, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck))
    try:
        run_state_machine_as_test(Family, settings=how)
    finally:
        loop.run_until_complete(read.close())
        loop.run_until_complete(write.close())
        loop.close()
