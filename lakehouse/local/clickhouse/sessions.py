"""HTTP sessions: a `session_id` keeps settings and temporary tables until its timeout, one request at a time."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from lakehouse.clock import Clock
from lakehouse.local.clickhouse.engine import Connection
from lakehouse.local.clickhouse.errors import ClickHouseError

DEFAULT_TIMEOUT_S = 60
MAX_TIMEOUT_S = 3600


@dataclass(frozen=True, slots=True)
class SessionWish:
    """What a request asks: the id, how long to keep it, and whether it must exist already."""

    session_id: str
    timeout_s: int
    must_exist: bool


@dataclass
class _Session:
    connection: Connection
    expires_at: float
    busy: bool


class Sessions:
    """Sessions by user and id. Thread-safe."""

    def __init__(self, clock: Clock, open_connection: Callable[[], Connection]) -> None:
        self._clock = clock
        self._open = open_connection
        self._lock = threading.Lock()
        self._sessions: dict[tuple[str, str], _Session] = {}

    def acquire(self, user: str, wish: SessionWish) -> Connection:
        """The session's connection, locked until `release`. Raises ClickHouseError 372 (unknown) or 373 (in use)."""
        key = (user, wish.session_id)
        with self._lock:
            found = self._sessions.get(key)
            if found is None:
                if wish.must_exist:
                    raise ClickHouseError(372, "SESSION_NOT_FOUND", f"Session {wish.session_id} not found")
                found = self._sessions[key] = _Session(self._open(), 0.0, busy=False)
            if found.busy:
                raise ClickHouseError(
                    373, "SESSION_IS_LOCKED", f"Session {wish.session_id} is locked by a concurrent client"
                )
            found.busy = True
            return found.connection

    def release(self, user: str, wish: SessionWish, *, close: bool = False) -> None:
        """Unlock the session and start its timeout, or end it now."""
        with self._lock:
            found = self._sessions[(user, wish.session_id)]
            found.busy = False
            found.expires_at = self._clock.monotonic() + wish.timeout_s
            if close:
                del self._sessions[(user, wish.session_id)]
        if close:
            found.connection.close()

    def expire(self) -> int:
        """Close the sessions whose time has come; returns how many."""
        now = self._clock.monotonic()
        with self._lock:
            over = [key for key, found in self._sessions.items() if not found.busy and found.expires_at <= now]
            closed = [self._sessions.pop(key) for key in over]
        for session in closed:
            session.connection.close()
        return len(closed)

    def close(self) -> None:
        """Close every session."""
        with self._lock:
            closed = list(self._sessions.values())
            self._sessions.clear()
        for session in closed:
            session.connection.close()


def wish_of(params: dict[str, str]) -> SessionWish | None:
    """The session that URL parameters ask for. Raises ClickHouseError 374 for a timeout out of range."""
    session_id = params.get("session_id", "")
    if not session_id:
        return None
    text = params.get("session_timeout", str(DEFAULT_TIMEOUT_S))
    if not text.isdecimal() or int(text) > MAX_TIMEOUT_S:
        message = f"Session timeout '{text}' is invalid: whole seconds up to {MAX_TIMEOUT_S}"
        raise ClickHouseError(374, "INVALID_SESSION_TIMEOUT", message)
    return SessionWish(session_id, int(text), params.get("session_check") == "1")
