"""Routes of imports: they translate, the service decides."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from serving.imports.presets import PRESETS
from serving.imports.schemas import (
    ImportPage,
    ImportParameters,
    ImportQuery,
    ImportReport,
    ImportSummary,
    MappingIn,
    MappingOut,
    MappingPatch,
    MappingQuery,
    PresetOut,
    RowPage,
    RowQuery,
)
from serving.imports.service import ImportService
from serving.kit.access import Principal, Scope, allowed
from serving.kit.crud.routes import Models, Resource, router_of
from serving.kit.idempotency import IdempotencyKey
from serving.kit.openapi import guarded
from serving.kit.paging import link_header

TAG = "imports"
router = APIRouter(prefix="/api/v1", tags=[TAG])
mappings = router_of(
    Resource(
        prefix="import-mappings",
        tag=TAG,
        noun="saved layout",
        plural="saved layouts",
        service="import_mappings",
        models=Models(MappingOut, MappingQuery, MappingIn, MappingPatch),
        read=Scope.PORTFOLIOS_READ,
        write=Scope.PORTFOLIOS_WRITE,
        operations=frozenset({"list", "get", "create", "update", "delete"}),
        notes={"create": "Which column of a file means what; `mapping_id` of POST /api/v1/imports names it."},
    )
)
EXAMPLE = "date,kind,symbol,quantity,price,currency,amount,fee\n2024-01-02,deposit,,,,USD,1000.00,\n"
FILE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "the file itself",
        "content": {
            "text/csv": {"schema": {"type": "string", "examples": [EXAMPLE]}},
            "text/plain": {"schema": {"type": "string", "examples": [EXAMPLE]}},
        },
    }
}


async def service_of(request: Request) -> ImportService:
    """The service that the wiring made."""
    service: ImportService = request.state.imports
    return service


Service = Annotated[ImportService, Depends(service_of)]
ImportId = Annotated[UUID, Path(description="id of the import")]
Reader = Annotated[Principal, allowed(Scope.PORTFOLIOS_READ)]
Writer = Annotated[Principal, allowed(Scope.PORTFOLIOS_WRITE)]


@router.post(
    "/imports",
    status_code=201,
    summary="Import a CSV file of transactions",
    response_model=ImportReport,
    responses={200: {"model": ImportReport, "description": "A dry run: nothing was written"}, **guarded(404, 409, 415)},
    openapi_extra=FILE,
)
async def run_import(
    asked: Annotated[ImportParameters, Query()],
    request: Request,
    service: Service,
    principal: Writer,
    idempotency_key: IdempotencyKey,
) -> Response:
    """Book the rows of a file, all or none, and keep a report of every row.

    What was booked before is a duplicate: by the broker's own number, or by content, where two equal rows of one file
    are two. An unknown symbol becomes a draft instrument. `dry_run=true` does all of it and takes it back. Save a
    layout of your own with POST /api/v1/import-mappings.
    """
    return await service.run(request, principal, idempotency_key, asked)


@router.get("/imports", summary="List imports", responses=guarded())
async def list_imports(
    query: Annotated[ImportQuery, Query()], request: Request, response: Response, service: Service, principal: Reader
) -> ImportPage:
    """Imports by id, page by page; dry runs leave none."""
    page = await service.page(principal, query, request.url.path)
    response.headers.update(link_header(page.next))
    return page


@router.get("/imports/presets", summary="List the layouts that come with Tidemark", responses=guarded())
async def list_presets(principal: Reader) -> list[PresetOut]:
    """Presets with their columns: a start for a mapping of your own."""
    return [PresetOut(name=name, layout=layout) for name, layout in PRESETS.items()]


@router.get("/imports/{import_id}", summary="Read an import", responses=guarded(404))
async def read_import(import_id: ImportId, service: Service, principal: Reader) -> ImportSummary:
    """What was read and booked."""
    return await service.find(principal, import_id)


@router.get("/imports/{import_id}/rows", summary="List the rows of an import", responses=guarded(404))
async def list_rows(
    import_id: ImportId,
    query: Annotated[RowQuery, Query()],
    request: Request,
    response: Response,
    service: Service,
    principal: Reader,
) -> RowPage:
    """What became of each row of the file, by line."""
    page = await service.rows(principal, import_id, query, request.url.path)
    response.headers.update(link_header(page.next))
    return page
