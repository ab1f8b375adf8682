"""Routes of quotes: they translate, the service decides."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from serving.kit.access import Principal, Scope, allowed
from serving.kit.openapi import guarded
from serving.quotes.schemas import HistoryQuery, QuoteHistoryOut, QuotesOut, QuotesQuery
from serving.quotes.service import QuoteService, distinct

router = APIRouter(prefix="/api/v1/quotes", tags=["quotes"])


async def service_of(request: Request) -> QuoteService:
    """The service that the wiring made."""
    service: QuoteService = request.state.quotes
    return service


Service = Annotated[QuoteService, Depends(service_of)]
Reader = Annotated[Principal, allowed(Scope.MARKET_READ)]


@router.get("", summary="Read the latest quotes", response_model=QuotesOut, responses=guarded())
async def read_quotes(query: Annotated[QuotesQuery, Query()], service: Service, _: Reader) -> Response:
    """The newest price of each symbol, from memory. A symbol without one is in `missing`, with the reason.

    `stale` says that the price is older than the platform allows; `as_of` when it was made, `provider` by whom.
    """
    return Response(await service.answer(distinct(query.symbols)), media_type="application/json")


@router.get("/history", summary="Read recent observations", responses=guarded())
async def read_history(query: Annotated[HistoryQuery, Query()], service: Service, _: Reader) -> QuoteHistoryOut:
    """Every price observed in the last `minutes`, oldest first, 1,000 a symbol at most; bars reach further back."""
    return await service.history(distinct(query.symbols), query.minutes)
