"""One shape for every error: RFC 9457 problem details, with a stable machine-readable code."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Annotated, ClassVar, TypeVar

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.responses import Response

from lakehouse.domain.currency import CurrencyError
from lakehouse.errors import TidemarkError
from lakehouse.stores.marts import MartsUnavailable
from lakehouse.stores.postgres import PostgresUnavailable
from serving.kit.context import NO_STORE, request_id_of, response_headers

MEDIA_TYPE = "application/problem+json"
CATALOGUE_PATH = "/docs/problems"
RETRY_AFTER_S = "5"

log = structlog.get_logger(__name__)


class FieldProblem(BaseModel):
    """One wrong value of a request."""

    pointer: str = Field(description="where the value stood: /query/NAME, /path/NAME or /body/...")
    code: str = Field(description="which rule it broke")
    detail: str = Field(description="the rule in words")


class Problem(BaseModel):
    """What went wrong, for people (`title`, `detail`) and for programs (`code`, `errors`, `retryable`)."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "/docs/problems#portfolio_not_found",
                "title": "No such portfolio",
                "status": 404,
                "detail": "There is no portfolio 017e2058-d640-7000-8000-0000000000ff.",
                "instance": "/api/v1/portfolios/017e2058-d640-7000-8000-0000000000ff",
                "code": "portfolio_not_found",
                "request_id": "0199f3a1b2c37def8123456789abcdef",
                "retryable": False,
                "errors": [],
            }
        }
    )

    type: str = Field(description="page that explains this kind of problem")
    title: str = Field(description="the kind of problem, the same every time")
    status: Annotated[int, Field(ge=400, le=599)] = Field(description="HTTP status")
    detail: str = Field(description="what happened this time and what to do")
    instance: str = Field(description="path that was asked for")
    code: str = Field(description="stable name of the kind of problem")
    request_id: str = Field(description="quote it when you ask for help: the log has it too")
    retryable: bool = Field(description="true where the same request may work later")
    errors: list[FieldProblem] = Field(description="each wrong value, where the request was at fault")


class ApiError(TidemarkError):
    """An anticipated refusal: subclasses stand beside the service that raises them."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "The server failed"
    retryable: ClassVar[bool] = False
    always: ClassVar[Mapping[str, str]] = {}

    def __init__(
        self,
        detail: str,
        *,
        errors: tuple[FieldProblem, ...] = (),
        extension: BaseModel | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = errors
        self.extension = extension
        self.headers = {**self.always, **(headers or {})}


class InternalError(ApiError):
    """A bug: nothing of it is shown but the request id."""

    retryable = True


class InvalidRequest(ApiError):
    """A value of the request breaks the documented schema."""

    status = 422
    code = "invalid_request"
    title = "A value of the request is not valid"


class RouteNotFound(ApiError):
    """No route has this path."""

    status = 404
    code = "route_not_found"
    title = "No such path"


class MethodNotAllowed(ApiError):
    """The path exists, but not with this method."""

    status = 405
    code = "method_not_allowed"
    title = "The path does not allow this method"


class BadRequest(ApiError):
    """HTTP itself was not kept."""

    status = 400
    code = "bad_request"
    title = "The request cannot be read"


class RequestTooSlow(ApiError):
    """The client began a request and did not send the rest of it in time."""

    status = 400
    code = "request_too_slow"
    title = "The request did not arrive in time"
    retryable = True


class BodyTooLarge(ApiError):
    """The request body is larger than serving.max_body_bytes."""

    status = 413
    code = "body_too_large"
    title = "The request body is too large"


class HostNotAllowed(ApiError):
    """The Host header names a host that this API is not."""

    status = 421
    code = "host_not_allowed"
    title = "This server does not answer for that host"


class DependencyUnavailable(ApiError):
    """An engine behind the API does not answer."""

    status = 503
    code = "dependency_unavailable"
    title = "An engine behind this API does not answer"
    retryable = True


class TryAgain(ApiError):
    """Two writes met and this one lost; nothing of it was written."""

    status = 409
    code = "try_again"
    title = "Another write was in the way"
    retryable = True
    always: ClassVar[Mapping[str, str]] = {"Retry-After": "1"}


class TooManyRequests(ApiError):
    """A limit is used up; Retry-After says when it is not."""

    status = 429
    code = "too_many_requests"
    title = "Too many requests"
    retryable = True


class UnsupportedMediaType(ApiError):
    """The body is of a type that the route does not read."""

    status = 415
    code = "unsupported_media_type"
    title = "The body is of the wrong type"


class AmountNotRepresentable(ApiError):
    """The ledger does not know the currency, or the amount has more digits than the currency or the ledger."""

    status = 409
    code = "amount_not_representable"
    title = "The ledger cannot hold this amount"


SHARED: tuple[type[ApiError], ...] = (
    BadRequest,
    RouteNotFound,
    MethodNotAllowed,
    RequestTooSlow,
    BodyTooLarge,
    HostNotAllowed,
    InvalidRequest,
    InternalError,
    DependencyUnavailable,
    TryAgain,
    TooManyRequests,
    UnsupportedMediaType,
    AmountNotRepresentable,
)

_BY_STATUS: Mapping[int, type[ApiError]] = {404: RouteNotFound, 405: MethodNotAllowed, 413: BodyTooLarge}

Failure = TypeVar("Failure", bound=Exception)


def respond(request: Request, error: ApiError, headers: Mapping[str, str] | None = None) -> Response:
    """The problem document of `error` with its extension members, never cached."""
    problem = _document(error, request.url.path, request_id_of(request.scope))
    extra = {"Retry-After": RETRY_AFTER_S} if error.status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    extension = {} if error.extension is None else error.extension.model_dump()
    return Response(
        to_json({**problem.model_dump(), **extension}),
        status_code=error.status,
        media_type=MEDIA_TYPE,
        headers={**(headers or {}), **extra, **error.headers, "Cache-Control": NO_STORE},
    )


def refused_outside(error: ApiError, request_id: str) -> bytes:
    """The body of a refusal of what never became a request of the application."""
    return to_json(_document(error, "", request_id))


def _document(error: ApiError, instance: str, request_id: str) -> Problem:
    return Problem(
        type=f"{CATALOGUE_PATH}#{error.code}",
        title=error.title,
        status=error.status,
        detail=error.detail,
        instance=instance,
        code=error.code,
        request_id=request_id,
        retryable=error.retryable,
        errors=list(error.errors),
    )


def install(app: FastAPI) -> None:
    """Make every error of `app` a problem document, also those of the router and those nobody expected."""
    _on(app, ApiError, respond)
    _on(app, PostgresUnavailable, _postgres_unavailable)
    _on(app, MartsUnavailable, _marts_unavailable)
    _on(app, CurrencyError, _not_representable)
    _on(app, RequestValidationError, _invalid)
    _on(app, HTTPException, _http)
    _on(app, Exception, _unexpected)


def _on(app: FastAPI, kind: type[Failure], answer: Callable[[Request, Failure], Response]) -> None:
    async def handle(request: Request, error: Exception) -> Response:
        if not isinstance(error, kind):
            raise error
        return answer(request, error)

    app.add_exception_handler(kind, handle)


def _postgres_unavailable(request: Request, error: PostgresUnavailable) -> Response:
    return _unavailable(request, "PostgreSQL", error)


def _marts_unavailable(request: Request, error: MartsUnavailable) -> Response:
    return _unavailable(request, "ClickHouse", error)


def _not_representable(request: Request, error: CurrencyError) -> Response:
    return respond(request, AmountNotRepresentable(f"{error}."))


def _unavailable(request: Request, engine: str, error: TidemarkError) -> Response:
    log.error("dependency unavailable", request_id=request_id_of(request.scope), engine=engine, error=str(error))
    return respond(request, DependencyUnavailable(f"{engine} does not answer; /health/ready shows every dependency."))


def _invalid(request: Request, error: RequestValidationError) -> Response:
    found = tuple(
        FieldProblem(pointer="/" + "/".join(str(part) for part in each["loc"]), code=each["type"], detail=each["msg"])
        for each in error.errors()
    )
    return respond(request, InvalidRequest(f"{len(found)} value(s) of the request are not valid.", errors=found))


def response_of(request: Request, error: ApiError | HTTPException) -> Response:
    """The problem document of an error that a middleware has caught itself."""
    return respond(request, error) if isinstance(error, ApiError) else _http(request, error)


def _http(request: Request, error: HTTPException) -> Response:
    kind = _BY_STATUS.get(error.status_code, BadRequest)
    details = {
        RouteNotFound: f"Nothing is served at {request.url.path}; /docs lists what is.",
        MethodNotAllowed: f"{request.url.path} does not take {request.method}; the Allow header says what it takes.",
    }
    return respond(request, kind(details.get(kind, str(error.detail))), error.headers)


def _unexpected(request: Request, error: Exception) -> Response:
    """Starlette re-raises after this answer, so the server logs the traceback; the caller sees none of it."""
    log.error("unexpected error", request_id=request_id_of(request.scope), error=type(error).__name__)
    response = respond(
        request, InternalError("The server failed on this request. The log has it under the request id.")
    )
    for name, value in response_headers(request.scope).items():
        response.headers.setdefault(name, value)
    return response
