"""The routes of a resource of rows, generated from its models: they translate, the service decides."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Path, Query, Request
from pydantic import BaseModel, Field, create_model
from starlette.responses import Response

from serving.kit.access import Principal, Scope, allowed
from serving.kit.conditional import IfNoneMatch, conditional, conditional_as
from serving.kit.crud.batch import MAX_ITEMS, Batch, BatchOut, items_of, written_of
from serving.kit.crud.listing import ListQuery
from serving.kit.crud.service import CrudService, version_of
from serving.kit.expand import expand_of
from serving.kit.openapi import CONDITIONAL, CREATED_AT, LINKED, VERSIONED, guarded
from serving.kit.paging import Page, link_header
from serving.kit.patch import MergePatch
from serving.kit.versions import IfMatch, etag

ALL = frozenset({"list", "get", "create", "update", "delete", "batch"})
CREATED = 201
NO_CONTENT = 204
VERSION_TEXT = ' Send `If-Match: "VERSION"` to be refused (412) where somebody else has changed it meanwhile.'

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Models:
    """The wire forms of a resource; `create` and `patch` may be left out with their operations."""

    out: type[BaseModel]
    query: type[ListQuery] = ListQuery
    create: type[BaseModel] | None = None
    patch: type[MergePatch] | None = None


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource as it is served: `service` names its CrudService in `request.state`.

    `expands` are the members of `out` that are null unless `expand=` asks for them (`CrudService.expand` fills them).
    """

    prefix: str
    tag: str
    noun: str
    plural: str
    service: str
    models: Models
    read: Scope
    write: Scope
    operations: frozenset[str] = ALL
    notes: Mapping[str, str] = field(default_factory=dict)
    expands: Sequence[str] = ()

    def text(self, operation: str, default: str) -> str:
        """What the documentation says about an operation."""
        return self.notes.get(operation, default)

    @property
    def id_name(self) -> str:
        """The name of its id in paths: watchlist_item_id."""
        return self.noun.replace(" ", "_").replace("-", "_") + "_id"


def router_of(resource: Resource) -> APIRouter:
    """The routes. Fixed paths (`/batch`) come before `/{id}`, so that no id can hide them."""
    router = APIRouter(prefix=f"/api/v1/{resource.prefix}", tags=[resource.tag])
    adders = {"list": _add_list, "create": _add_create, "batch": _add_batch}
    adders.update(get=_add_get, update=_add_update, delete=_add_delete)
    for operation, add in adders.items():
        if operation in resource.operations:
            add(router, resource)
    return router


def _service_of(resource: Resource) -> Any:
    async def service(request: Request) -> CrudService[Any, Any]:
        found: CrudService[Any, Any] = getattr(request.state, resource.service)
        return found

    return Annotated[CrudService[Any, Any], Depends(service)]


def _typed(endpoint: Callable[..., Any], **types: Any) -> Callable[..., Any]:
    """`endpoint` with the annotations that FastAPI reads; they are only known when the routes are made."""
    endpoint.__annotations__.update(types)
    return endpoint


def _reader(resource: Resource) -> Any:
    return Annotated[Principal, allowed(resource.read)]


def _writer(resource: Resource) -> Any:
    return Annotated[Principal, allowed(resource.write)]


def _id_of(resource: Resource) -> Any:
    return Annotated[UUID, Path(alias=resource.id_name, description=f"id of the {resource.noun}")]


def _links(resource: Resource, id_at: str) -> dict[str, Any]:
    """OpenAPI links from an answer to what can be done with the object whose id it has at `id_at`."""
    targets = [f"{each}_{_singular(resource)}" for each in ("get", "update", "delete") if each in resource.operations]
    parameters = {resource.id_name: f"$response.body#{id_at}"}
    return {"links": {name: {"operationId": name, "parameters": parameters} for name in targets}}


def _at_id(resource: Resource) -> str:
    return f"/{{{resource.id_name}}}"


def _expand(resource: Resource) -> Any:
    """The parameter `expand`, or a dependency that says nothing where the resource has nothing to expand."""
    return expand_of(resource.expands) if resource.expands else Annotated[list[str], Depends(_nothing)]


async def _nothing() -> list[str]:
    return []


def _add_list(router: APIRouter, resource: Resource) -> None:
    out: Any = resource.models.out
    page_of = Page[out]

    async def endpoint(query: Any, request: Request, service: Any, principal: Any) -> Response:
        page = await service.page(principal, query, request.url.path)
        body = page_of.model_construct(data=page.data, has_more=page.next is not None, next=page.next)
        return Response(body.model_dump_json(), media_type=JSON, headers=link_header(page.next, page.here))

    types = {"query": Annotated[resource.models.query, Query()], "service": _service_of(resource)}
    router.get(
        "",
        summary=f"List {resource.plural}",
        description=resource.text("list", "Page by page: follow `next`, or the `Link` header."),
        response_model=page_of,
        responses={200: {**LINKED[200], **_links(resource, "/data/0/id")}, **guarded(409)},
        operation_id=f"list_{resource.service}",
    )(_typed(endpoint, principal=_reader(resource), **types))


def _add_get(router: APIRouter, resource: Resource) -> None:
    async def endpoint(
        row_id: Any, service: Any, principal: Any, expand: Any = (), if_none_match: IfNoneMatch = None
    ) -> Response:
        found = await service.detail(principal, row_id, expand)
        return conditional(found, if_none_match) if expand else respond_version(found, if_none_match)

    types = {"row_id": _id_of(resource), "expand": _expand(resource)}
    router.get(
        _at_id(resource),
        summary=f"Read {_a(resource.noun)}",
        description=resource.text("get", "The object, with its version as ETag."),
        response_model=resource.models.out,
        responses={**CONDITIONAL, **guarded(404)},
        operation_id=f"get_{_singular(resource)}",
    )(_typed(endpoint, service=_service_of(resource), principal=_reader(resource), **types))


def _add_create(router: APIRouter, resource: Resource) -> None:
    async def endpoint(body: Any, request: Request, service: Any, principal: Any) -> Response:
        made = await service.create(principal, body)
        location = f"{request.url.path}/{made.id}"
        return written(made, status=CREATED, headers={"Location": location})

    router.post(
        "",
        status_code=CREATED,
        summary=f"Create {_a(resource.noun)}",
        description=resource.text("create", "The object as it was written; `Location` is its address."),
        response_model=resource.models.out,
        responses={201: {**CREATED_AT[201], **_links(resource, "/id")}, **guarded(409)},
        operation_id=f"create_{_singular(resource)}",
    )(_typed(endpoint, body=resource.models.create, service=_service_of(resource), principal=_writer(resource)))


def _add_update(router: APIRouter, resource: Resource) -> None:
    async def endpoint(row_id: Any, body: Any, service: Any, principal: Any, if_match: IfMatch = None) -> Response:
        return written(await service.update(principal, row_id, body, if_match))

    types = {"row_id": _id_of(resource), "body": resource.models.patch}
    router.patch(
        _at_id(resource),
        summary=f"Change {_a(resource.noun)}",
        description=resource.text("update", "A merge patch (RFC 7396): fields that are left out stay.") + VERSION_TEXT,
        response_model=resource.models.out,
        responses={**VERSIONED, **guarded(404, 409, 412)},
        operation_id=f"update_{_singular(resource)}",
    )(_typed(endpoint, service=_service_of(resource), principal=_writer(resource), **types))


def _add_delete(router: APIRouter, resource: Resource) -> None:
    async def endpoint(row_id: Any, service: Any, principal: Any, if_match: IfMatch = None) -> Response:
        await service.delete(principal, row_id, if_match)
        return Response(status_code=NO_CONTENT)

    router.delete(
        _at_id(resource),
        status_code=NO_CONTENT,
        summary=f"Delete {_a(resource.noun)}",
        description=resource.text("delete", "Refused (409) while something needs it.") + VERSION_TEXT,
        responses=guarded(404, 409, 412),
        operation_id=f"delete_{_singular(resource)}",
    )(_typed(endpoint, row_id=_id_of(resource), service=_service_of(resource), principal=_writer(resource)))


def _add_batch(router: APIRouter, resource: Resource) -> None:
    create: Any = resource.models.create
    out: Any = resource.models.out

    async def endpoint(body: Any, service: Any, principal: Any) -> Response:
        items, atomic = items_of(body)
        outcomes = await service.batch(principal, items, atomic=atomic)
        return Response(written_of(body, outcomes), CREATED, media_type=JSON)

    form: Any = create_model(f"{resource.noun.title().replace(' ', '')}Batch", __base__=Batch[create])
    bare = Annotated[list[create], Field(min_length=1, max_length=MAX_ITEMS)]
    router.post(
        "/batch",
        status_code=CREATED,
        summary=f"Create many {resource.plural}",
        description=resource.text(
            "batch", "All or none, or each for itself (`atomic: false`). A bare array is atomic and answers an array."
        ),
        response_model=BatchOut[out] | list[out],
        responses=guarded(409),
        operation_id=f"create_{resource.service}_batch",
    )(_typed(endpoint, body=Annotated[form | bare, Body()], **_writing(resource)))


def _writing(resource: Resource) -> dict[str, Any]:
    return {"service": _service_of(resource), "principal": _writer(resource)}


def respond_version(found: BaseModel, if_none_match: str | None) -> Response:
    """An object with its version as ETag, or 304; objects without a version are tagged by their bytes."""
    if not hasattr(found, "version"):
        return conditional(found, if_none_match)
    return conditional_as(etag(version_of(found)), found.model_dump_json().encode(), if_none_match)


def written(made: BaseModel, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An object just written, with its ETag."""
    tag = {"ETag": etag(version_of(made))} if hasattr(made, "version") else {}
    return Response(made.model_dump_json(), status, media_type=JSON, headers={**tag, **(headers or {})})


def _a(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeio" else f"a {noun}"


def _singular(resource: Resource) -> str:
    return resource.id_name.removesuffix("_id")
