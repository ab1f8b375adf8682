"""Routes of exports: they translate, the service decides."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from serving.exports.schemas import ExportQuery
from serving.exports.service import ExportService
from serving.kit.access import Principal, Scope, allowed
from serving.kit.openapi import guarded

TAG = "exports"
router = APIRouter(prefix="/api/v1/exports", tags=[TAG])
FILES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file",
        "content": {
            "text/csv": {"schema": {"type": "string"}},
            "application/x-ndjson": {"schema": {"type": "string"}},
            "application/vnd.apache.parquet": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


async def service_of(request: Request) -> ExportService:
    """The service that the wiring made."""
    service: ExportService = request.state.exports
    return service


@router.get("", summary="Export a portfolio's rows", response_class=Response, responses={**FILES, **guarded(404)})
async def run_export(
    query: Annotated[ExportQuery, Query()],
    service: Annotated[ExportService, Depends(service_of)],
    principal: Annotated[Principal, allowed(Scope.PORTFOLIOS_READ)],
) -> Response:
    """Transactions, positions, lots, closures or valuations as CSV, NDJSON or Parquet, streamed.

    Exported transactions can be imported again (preset `tidemark`) and give the same books; which lots a sale of an
    account with method `specific` named is not in the file. In CSV, text that a spreadsheet would take for a formula
    has an apostrophe before it, which imports take off again.
    """
    return await service.run(principal, query)
