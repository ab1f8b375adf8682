"""The application: routes, errors, boundary and everything that lives as long as it."""

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
Portfolios, their books and orders, and their published risk.

* Every call says who asks: `Authorization: Bearer TOKEN` of `POST /api/v1/auth/login`, or `X-API-Key`.
  What belongs to somebody else does not exist for you (404).
* Money and quantities are **decimal strings**; an amount carries its currency. A positive VaR or ES is a loss.
* What moves money or makes an order wants an `Idempotency-Key`: a repeat gets the first answer again.
* Lists are paged by key: follow `next`, or the `Link` header, until `has_more` is false.
* Every refusal is an RFC 9457 problem document with a stable `code`; [all codes](/docs/problems).
* `ETag` and `If-None-Match` spare the transfer of what has not changed.
"""


def create_app(settings: Settings, *, clock: Clock) -> FastAPI:
    """An application of its own, with its own connections and metrics. It starts whether or not its engines are up."""
    metrics, lifecycle = Metrics(), Lifecycle()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, object]]:
        app.openapi()  # made once, before the first request needs it
        async with services(settings, clock=clock, metrics=metrics, rooms=api.ROOMS, lifecycle=lifecycle) as made:
            yield made

    app = Api(
        title="Tidemark API",
        version=version("tidemark"),
        summary="Portfolios and their published risk.",
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
