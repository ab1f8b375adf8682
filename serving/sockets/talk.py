"""What the hub does when a client says something, in either dialect."""

from collections.abc import Sequence

from starlette.requests import HTTPConnection

from lakehouse.stores.postgres import PostgresUnavailable
from serving.kit.access import API_KEY_HEADER, Authenticator, Scope
from serving.kit.problems import ApiError
from serving.sockets.commands import (
    AnyCommand,
    Auth,
    Channel,
    Command,
    Ping,
    Resync,
    SeedAuth,
    SeedSubscribe,
    SeedUpdate,
    Subscribe,
    Unsubscribe,
)
from serving.sockets.events import Tail
from serving.sockets.session import Session

SCOPES = {Channel.ORDERS: Scope.ORDERS_READ, Channel.PORTFOLIO: Scope.PORTFOLIOS_READ, Channel.ALERTS: Scope.RISK_READ}


def proof_of(connection: HTTPConnection, command: Auth | SeedAuth) -> HTTPConnection:
    """The connection as if its headers had carried what the command carries."""
    key = command.api_key if isinstance(command, Auth) else None
    header = (
        (b"authorization", f"Bearer {command.token or ''}".encode())
        if key is None
        else (API_KEY_HEADER.lower().encode(), key.encode())
    )
    return HTTPConnection({**connection.scope, "headers": [header]})


async def obey(session: Session, command: AnyCommand, authenticator: Authenticator) -> None:
    """Do what the command says; a refusal becomes an error frame."""
    asked = command.id if isinstance(command, Command) else None
    try:
        if isinstance(command, Command):
            session.speaks_v1 = True
            await _obey_v1(session, command, authenticator)
        else:
            await _obey_seeds(session, command)
    except ApiError as error:
        session.say({"type": "error", "id": asked, "code": error.code, "detail": error.detail})
    except PostgresUnavailable:
        detail = "PostgreSQL does not answer; send it again in a moment."
        session.say({"type": "error", "id": asked, "code": "dependency_unavailable", "detail": detail})


async def _obey_v1(session: Session, command: Command, authenticator: Authenticator) -> None:
    match command:
        case Ping():
            session.say({"type": "pong", "id": command.id, "ts_sent": session.now()})
        case Auth():
            await _renew(session, command, authenticator)
        case Unsubscribe():
            _unsubscribe(session, command)
        case Subscribe() | Resync() if command.channel is not Channel.QUOTES:
            await _follow_events(session, command)
        case Subscribe():
            await _follow_quotes(session, command)
        case Resync():
            _resync_quotes(session, command)


async def _renew(session: Session, command: Auth, authenticator: Authenticator) -> None:
    """A newer token of the same user, before the older one expires."""
    proof = proof_of(session.socket, command)
    principal = await authenticator.principal(proof)
    if principal.user_id != session.principal.user_id:
        detail = "This socket belongs to another user: open a new one."
        session.say({"type": "error", "id": command.id, "code": "other_user", "detail": detail})
        return
    session.is_of(proof, principal)
    session.say({"type": "authenticated", "id": command.id, "ts_sent": session.now()})


async def _follow_quotes(session: Session, command: Subscribe) -> None:
    ok, errors = await _follow(session, command.symbols)
    session.say({"type": "subscribed", "id": command.id, "channel": "quotes", "ok": ok, "errors": errors})


async def _follow(session: Session, symbols: Sequence[str]) -> tuple[list[str], list[dict[str, str]]]:
    """Follow what is known and fits; the others with the reason. Raises PostgresUnavailable."""
    asked = list(dict.fromkeys(symbols))
    lacking = [symbol for symbol in asked if session.hub.feed.get(symbol) is None]
    unknown = {each.symbol for each in await session.quotes.missing(lacking) if each.reason == "unknown_symbol"}
    ok: list[str] = []
    errors: list[dict[str, str]] = []
    for symbol in asked:
        if symbol in unknown:
            errors.append({"symbol": symbol, "code": "unknown_symbol"})
        elif symbol not in session.follower and len(session.follower) >= session.hub.limits.max_symbols:
            errors.append({"symbol": symbol, "code": "too_many_symbols"})
        else:
            session.hub.follow(session.listener, symbol)
            ok.append(symbol)
    session.wake()
    return ok, errors


def _resync_quotes(session: Session, command: Resync) -> None:
    asked = list(dict.fromkeys(command.symbols)) or list(session.follower.symbols)
    ok = [symbol for symbol in asked if symbol in session.follower]
    errors = [{"symbol": symbol, "code": "not_subscribed"} for symbol in asked if symbol not in session.follower]
    for symbol in ok:
        session.hub.follow(session.listener, symbol)
    session.say({"type": "subscribed", "id": command.id, "channel": "quotes", "ok": ok, "errors": errors})


def _unsubscribe(session: Session, command: Unsubscribe) -> None:
    if command.channel is Channel.QUOTES:
        gone = list(dict.fromkeys(command.symbols)) or list(session.follower.symbols)
        for symbol in gone:
            session.hub.unfollow(session.listener, symbol)
    else:
        gone = []
        if session.tail is not None:
            session.tail.unfollow(command.channel)
    session.say({"type": "unsubscribed", "id": command.id, "channel": command.channel.value, "symbols": gone})


async def _follow_events(session: Session, command: Subscribe | Resync) -> None:
    """Own events: after `since_seq`, or a snapshot where it is not given or no longer kept."""
    session.principal.require(SCOPES[command.channel])
    head = await session.events.repository.head(session.principal.user_id)
    tail = _tail_of(session)
    channel, since = command.channel.value, command.since_seq
    session.say({"type": "subscribed", "id": command.id, "channel": channel, "ok": [], "errors": []})
    is_kept = since is not None and since <= head.seq and (since >= head.oldest - 1 or since == head.seq)
    if since is not None and is_kept:
        tail.follow(command.channel, since)
        return
    orders = head.orders if command.channel is Channel.ORDERS else None
    session.say(
        {
            "type": "snapshot",
            "channel": channel,
            "symbol": None,
            "seq": head.seq,
            "prev_seq": None,
            "dropped": 0,
            "ts_event": None,
            "ts_sent": session.now(),
            "data": {"orders": orders, "resumed": False},
        }
    )
    tail.follow(command.channel, head.seq)


def _tail_of(session: Session) -> Tail:
    if session.tail is None:
        session.tail = Tail(session.principal.user_id, session.wake)
        session.events.add(session.tail)
    return session.tail


async def _obey_seeds(session: Session, command: SeedAuth | SeedSubscribe | SeedUpdate) -> None:
    """The seeds' dialect: `subscribe` names what is followed, `update` asks for a snapshot now."""
    session.speaks_v1 = False
    if isinstance(command, SeedAuth):
        return
    symbols = command.symbols if command.symbols is not None else list(session.follower.symbols)
    for symbol in set(session.follower.symbols) - set(symbols):
        session.hub.unfollow(session.listener, symbol)
    _, errors = await _follow(session, symbols)
    session.missing = [{"symbol": each["symbol"], "reason": each["code"]} for each in errors]
    if not len(session.follower):
        session.say({"type": "snapshot", "quotes": {}, "missing": session.missing})
