"""The application: routes, errors, boundary and everything that lives as long as it."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI

from lakehouse.clock import Clock
from lakehouse.settings import Settings
from serving import api
from serving.kit import problems
from serving.kit.allow import Gate
from serving.kit.boundary import Boundary
from serving.kit.compression import Compression
from serving.kit.lifecycle import Lifecycle
from serving.kit.metrics import Metrics
from serving.kit.openapi import Api, operation_id
from serving.wiring import services

DESCRIPTION = """
Portfolios, their books, orders, payments, market data and risk. To try a route here: register, log in, press
**Authorize** with the `access_token`, then *Try it out*. Examples that name a portfolio mean the demo's, which belong
to `demo@example.com` (`tidemark token` prints a token of that user).

**Who asks.** `Authorization: Bearer TOKEN` of `POST /api/v1/auth/login`, good for `expires_in` seconds and renewed by
`POST /api/v1/auth/refresh` (cookie and a header `X-Requested-With`), or `X-API-Key` of `POST /api/v1/auth/api-keys`.
A 403 names the scope that is missing. What belongs to somebody else does not exist for you (404).

**Values.** Money, prices and quantities are **decimal strings**; an amount carries its currency. A positive VaR or ES
is a loss. Ids are UUIDv7. Members that a schema does not have are refused.

**Writing.** What moves money or makes an order wants an `Idempotency-Key`: a repeat gets the first answer again.
`PATCH` is a merge patch; `If-Match: "VERSION"` protects from overwriting (412). `POST .../batch` is all or none, or
`"atomic": false`, each for itself. Positions, lots, holdings, assets and trades follow from transactions and orders: a
405 says what to do instead. Orders are filled by the simulated venue of the hot process, or by administrators
(`POST /api/v1/orders/{order_id}/fills`).

**Reading.** Lists are paged by key: follow `next`, or the `Link` header, until `has_more` is false. `ETag` and
`If-None-Match` spare the transfer of what has not changed; `expand=` shows related objects inside a few.

**Errors** are RFC 9457 documents with a stable `code`, a `detail` that says what to do, and a `request_id`:
[all codes](/docs/problems). 422 is what the schema forbids, 409 what the state or a rule forbids. `RateLimit` says what
is left of your quota; `Retry-After` when to come back after it is used up (429), or an engine is away (503).

**Push.** `/ws/quotes` (quotes, your orders and bookings) and `/api/v1/market-data/stream` (server-sent events) are
described by [/asyncapi.json](/asyncapi.json); `/ws/{session_id}` analyses a holding.
"""


def _settle() -> None:
    """Leave what lives as long as the application out of garbage collections: each would stop every request."""
    gc.collect()
    gc.freeze()


def create_app(settings: Settings, *, clock: Clock) -> FastAPI:
    """An application of its own, with its own connections and metrics. It starts whether or not its engines are up."""
    metrics, lifecycle = Metrics(), Lifecycle()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, object]]:
        app.openapi()  # made once, before the first request needs it
        async with services(settings, clock=clock, metrics=metrics, rooms=api.ROOMS, lifecycle=lifecycle) as made:
            _settle()
            yield made

    app = Api(
        title="Tidemark API",
        version=version("tidemark"),
        summary="Portfolios, their books and orders, market data and risk.",
        description=DESCRIPTION,
        openapi_tags=api.tags(),
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=operation_id,
    )
    app.state.metrics = metrics
    app.state.lifecycle = lifecycle
    app.add_middleware(Gate, document=app.openapi, guidance=api.guidance())
    app.add_middleware(Compression)
    app.add_middleware(Boundary, settings=settings.serving, clock=clock, metrics=metrics)
    problems.install(app)
    api.install(app)
    return app
