"""Routes of market data: they translate, the services decide."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Body, Depends, Path, Query, Request, Response

from serving.kit.access import Principal, Scope, allowed
from serving.kit.crud.routes import Models, Resource, router_of
from serving.kit.openapi import guarded
from serving.kit.paging import link_header
from serving.kit.types import Symbol
from serving.market_data.reading import MarketService
from serving.market_data.schemas import (
    BarsOut,
    BarsQuery,
    FxPage,
    FxQuery,
    FxRateIn,
    FxRateOut,
    MarketStatusOut,
    ObservationIn,
    ObservationOut,
    ObservationQuery,
    PriceOut,
)
from serving.market_data.service import SymbolNotFound
from serving.quotes.endpoints import Service as Quotes
from serving.quotes.schemas import QuotesOut, QuotesQuery
from serving.quotes.service import distinct

TAG = "market data"

router = APIRouter(prefix="/api/v1/market-data", tags=[TAG])
rates = APIRouter(prefix="/api/v1/fx-rates", tags=[TAG])


async def market_of(request: Request) -> MarketService:
    """The service that the wiring made."""
    service: MarketService = request.state.market
    return service


Market = Annotated[MarketService, Depends(market_of)]
Reader = Annotated[Principal, allowed(Scope.MARKET_READ)]
Writer = Annotated[Principal, allowed(Scope.MARKET_WRITE)]


@router.get("/prices", summary="Read many prices", response_model=QuotesOut, responses=guarded())
async def read_prices(query: Annotated[QuotesQuery, Query()], quotes: Quotes, _: Reader) -> Response:
    """The same answer as `GET /api/v1/quotes`: every symbol is in `data` or, with the reason, in `missing`."""
    return Response(await quotes.answer(distinct(query.symbols)), media_type="application/json")


@router.get("/prices/{symbol}", summary="Read a price", response_model=PriceOut, responses=guarded(404))
async def read_price(
    symbol: Annotated[Symbol, Path(description="instrument", examples=["AAPL"])], quotes: Quotes, _: Reader
) -> Response:
    """The latest price of one instrument. 404 where it is unknown or was never quoted."""
    found = orjson.loads(await quotes.answer([symbol]))
    if not found["data"]:
        raise SymbolNotFound(f"{symbol}: {found['missing'][0]['reason']}.")
    return Response(orjson.dumps({**found["data"][0], "warnings": found["warnings"]}), media_type="application/json")


@router.get("/status", summary="Read how the providers do", responses=guarded())
async def read_status(market: Market, quotes: Quotes, _: Reader) -> MarketStatusOut:
    """Providers with the age of their newest price, how quotes reach this process, and how many are stale."""
    return await market.status(quotes)


@router.get("/bars", summary="Read bars", responses=guarded(404, 409))
async def read_bars(
    query: Annotated[BarsQuery, Query()],
    request: Request,
    response: Response,
    market: Market,
    quotes: Quotes,
    _: Reader,
) -> BarsOut:
    """Bars, newest first; follow `next`, or the `Link` header, into the past.

    Days are what a provider has sent. Shorter bars are made of the observations of the 31 days before `to`, where no
    provider has sent one. The newest bar may still change.
    """
    page = await market.bars(query, request.url.path, quotes)
    response.headers.update(link_header(page.next))
    return page


observations = router_of(
    Resource(
        prefix="market-data",
        tag=TAG,
        noun="observation",
        plural="observations",
        service="market_data",
        models=Models(ObservationOut, ObservationQuery, ObservationIn),
        read=Scope.MARKET_READ,
        write=Scope.MARKET_WRITE,
        operations=frozenset({"list", "get", "create", "batch"}),
        notes={
            "list": "Every price that was observed, in the order of recording.",
            "create": "Record a price (admin). A newer one becomes the quote; an older one is history; a repeat is "
            "answered with the first. It reaches every stream.",
            "batch": "Record many prices (admin), all or none, or each for itself (`atomic: false`).",
        },
    )
)


@rates.get("", summary="List exchange rates", responses=guarded(409))
async def list_rates(
    query: Annotated[FxQuery, Query()], request: Request, response: Response, market: Market, _: Reader
) -> FxPage:
    """Rates by day, newest first. A pair has one rate a day."""
    page = await market.rates(query, request.url.path)
    response.headers.update(link_header(page.next))
    return page


@rates.put("", summary="Set an exchange rate", responses=guarded(409))
async def put_rate(rate: Annotated[FxRateIn, Body()], market: Market, principal: Writer) -> FxRateOut:
    """Set the rate of a pair and day (admin); an earlier one is replaced."""
    return await market.put_rate(principal, rate)
