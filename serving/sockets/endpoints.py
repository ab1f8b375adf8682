"""The socket, the event stream and their description."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request, WebSocket
from fastapi.responses import Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from serving.kit.access import Authenticator, Principal, Scope, allowed
from serving.kit.context import address_of
from serving.kit.problems import ApiError
from serving.quotes.service import QuoteService, distinct
from serving.sockets import asyncapi
from serving.sockets.schemas import StreamQuery
from serving.sockets.service import PATH, SocketService
from serving.sockets.streaming import Wanted

STREAM_PATH = "/api/v1/market-data/stream"
LastEventId = Annotated[str | None, Header()]

router = APIRouter()


class NothingToStream(ApiError):
    """No instrument has any of the symbols that a stream was asked for."""

    status = 404
    code = "nothing_to_stream"
    title = "None of the symbols is known"


async def wanted_of(
    query: Annotated[StreamQuery, Query()], request: Request, last_event_id: LastEventId = None
) -> Wanted:
    """What was asked for. Raises NothingToStream where no symbol is known."""
    quotes: QuoteService = request.state.quotes
    symbols = distinct(query.symbols)
    missing = await quotes.missing([symbol for symbol in symbols if quotes.feed.get(symbol) is None])
    unknown = {each.symbol for each in missing if each.reason == "unknown_symbol"}
    known = [symbol for symbol in symbols if symbol not in unknown]
    if not known:
        raise NothingToStream(f"No instrument is called {', '.join(symbols)[:200]}.")
    text = last_event_id or ""
    return Wanted(
        symbols=known,
        missing=[each.model_dump() for each in missing],
        after_us=int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None,
        max_events=query.max_events,
        max_seconds=query.max_seconds,
    )


async def place_of(
    request: Request, principal: Annotated[Principal, allowed(Scope.MARKET_READ)]
) -> AsyncIterator[Principal]:
    """A place among the open streams, until the answer is over. Raises TooManyStreams."""
    service: SocketService = request.state.sockets
    places = service.hub.places
    with places.of_address(address_of(request.scope["state"])), places.of_user(principal.user_id):
        yield principal


# Out of the OpenAPI document, whose tools wait for the end of an answer; /asyncapi.json describes it.
@router.get(STREAM_PATH, response_class=EventSourceResponse, include_in_schema=False)
async def stream(
    request: Request,
    _: Annotated[Principal, Depends(place_of)],
    wanted: Annotated[Wanted, Depends(wanted_of)],
) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events `quote`: snapshots, then updates; Last-Event-ID goes on where a stream broke off."""
    service: SocketService = request.state.sockets
    authenticator: Authenticator = request.state.authenticator
    async for event in service.stream(wanted).events(authenticator, request):
        yield event


@router.websocket(PATH)
async def quotes_socket(socket: WebSocket) -> None:
    """Quotes and own events, in the v1 protocol or the seeds' messages (/asyncapi.json)."""
    service: SocketService = socket.state.sockets
    await service.serve(socket)


@router.get("/asyncapi.json", include_in_schema=False)
async def asyncapi_document(request: Request) -> Response:
    """What the sockets and the event stream say and understand, as AsyncAPI 3."""
    return Response(asyncapi.document(request.app.version), media_type="application/json")
