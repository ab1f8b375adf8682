"""The documentation pages, with every script and style served from here: they work without internet."""

from enum import StrEnum
from html import escape
from importlib.resources import files
from pathlib import Path

from fastapi import APIRouter, Response
from starlette.responses import FileResponse, HTMLResponse

from serving.kit.problems import CATALOGUE_PATH, ApiError

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
HEADERS = {"Content-Security-Policy": POLICY, "Cache-Control": "no-cache"}
ASSET_HEADERS = {"Cache-Control": "public, max-age=86400"}

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tidemark API</title>
<link rel="icon" href="/docs/assets/favicon.png"><link rel="stylesheet" href="/docs/assets/swagger-ui.css">
</head>
<body>
<main id="swagger-ui"></main>
<script src="/docs/assets/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script>
</body>
</html>
"""
START = """SwaggerUIBundle({
  url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true, tryItOutEnabled: true,
  displayRequestDuration: true, presets: [SwaggerUIBundle.presets.apis], layout: "BaseLayout", validatorUrl: null,
});
"""
CATALOGUE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Problems of the Tidemark API</title></head>
<body>
<h1>Problems</h1>
<p>Every refusal is an RFC 9457 document of type application/problem+json. Its <code>code</code> is one of these.</p>
<dl>
{entries}
</dl>
</body>
</html>
"""


class Asset(StrEnum):
    """Files of the fastapi-offline wheel that the page loads."""

    SCRIPT = "swagger-ui-bundle.js"
    STYLE = "swagger-ui.css"
    ICON = "favicon.png"


def router(kinds: tuple[type[ApiError], ...]) -> APIRouter:
    """Routes of /docs; `kinds` are the refusals that the catalogue explains."""
    routes = APIRouter(include_in_schema=False)
    catalogue = CATALOGUE.format(entries="\n".join(_entry(kind) for kind in kinds))
    assets = Path(str(files("fastapi_offline") / "static"))

    @routes.get("/docs")
    async def page() -> Response:
        return HTMLResponse(PAGE, headers=HEADERS)

    @routes.get("/docs/start.js")
    async def start() -> Response:
        return Response(START, media_type="text/javascript", headers=ASSET_HEADERS)

    @routes.get(CATALOGUE_PATH)
    async def problems() -> Response:
        return HTMLResponse(catalogue, headers=HEADERS)

    @routes.get("/docs/assets/{asset}")
    async def asset_file(asset: Asset) -> Response:
        return FileResponse(assets / asset.value, headers=ASSET_HEADERS)

    return routes


def _entry(kind: type[ApiError]) -> str:
    meaning = escape((kind.__doc__ or kind.title).strip().splitlines()[0])
    return f'<dt id="{kind.code}"><code>{kind.code}</code> ({kind.status})</dt><dd>{escape(kind.title)}. {meaning}</dd>'
