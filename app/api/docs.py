"""The documentation pages, complete from this service: nothing is fetched from another host."""

import html
import re
from collections.abc import Iterator
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import PurePath

import msgspec
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import RedirectResponse, Response

from app.api.fixed import Fixed
from app.errors import RouteNotFoundError

_MEDIA_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".png": "image/png",
    ".txt": "text/plain",
    "": "text/plain",  # the licence files
}
# No inline script, and no inline style but by digest: both pages fill an empty style element by
# script; ReDoc brings one of its scroll bars, and makes its search worker from a blob.
_EMPTY = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
_SCROLL_BARS = "'sha256-QMIg+bpjm3JdElJ388KYke01izlUW0UoNOeKjpMxdgc='"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' {styles}; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; worker-src {workers}; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_PAGE_HEADERS = {
    "Cache-Control": "no-cache",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_SWAGGER_HEADERS = _PAGE_HEADERS | {
    "Content-Security-Policy": _POLICY.format(styles=_EMPTY, workers="'none'")
}
_REDOC_HEADERS = _PAGE_HEADERS | {
    "Content-Security-Policy": _POLICY.format(styles=f"{_EMPTY} {_SCROLL_BARS}", workers="blob:")
}
_FOREVER = "public, max-age=31536000, immutable"

_ASSET = re.compile(r'"static/([^"]+)"')
_FRAME = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="static/swagger-ui/favicon-32x32.png">
<link rel="stylesheet" href="static/docs.css">
<title>{title}</title>
</head>
<body>
{banner}{body}
<noscript>This page needs JavaScript; <a href="openapi.json">openapi.json</a> does not.</noscript>
</body>
</html>
"""
_BANNER = """<div class="sandbox" role="note">
<strong>Sandbox data.</strong> Every task here is invented; no account is connected.
</div>
"""
_SWAGGER = """<link rel="stylesheet" href="static/swagger-ui/swagger-ui.css">
<div id="swagger-ui"></div>
<script src="static/swagger-ui/swagger-ui-bundle.js"></script>
<script src="static/swagger.js"></script>"""
_REDOC = """<redoc spec-url="openapi.json" hide-download-button></redoc>
<script src="static/redoc/redoc.standalone.js"></script>"""


@cache
def assets() -> dict[str, Fixed]:
    """Return every file that is served below `/static`, by its path there; read once a process.

    The digest of a file is part of its address.
    """
    return dict(_walk(resources.files("app.api") / "static", ""))


def router(app: FastAPI, *, sandbox: bool) -> APIRouter:
    """Serve `/docs`, `/redoc`, `/openapi.json` and `/static` for `app`, and lead `/` to `/docs`.

    With `sandbox` both pages say that the data is invented.
    """
    routes = APIRouter(include_in_schema=False)
    swagger = _page(app.title, _SWAGGER, sandbox=sandbox)
    redoc = _page(app.title, _REDOC, sandbox=sandbox)

    @cache
    def document() -> Fixed:
        return Fixed(msgspec.json.encode(app.openapi()), "application/json")

    @routes.get("/")
    async def home() -> Response:
        return RedirectResponse("/docs")

    @routes.get("/docs")
    async def docs(request: Request) -> Response:
        return await swagger.answer(request, _SWAGGER_HEADERS)

    @routes.get("/redoc")
    async def reference(request: Request) -> Response:
        return await redoc.answer(request, _REDOC_HEADERS)

    @routes.get("/openapi.json")
    async def openapi(request: Request) -> Response:
        return await document().answer(request, {"Cache-Control": "no-cache"})

    @routes.get("/static/{name:path}")
    async def static(request: Request, name: str, v: str = "") -> Response:
        asset = assets().get(name)
        if asset is None:
            raise RouteNotFoundError("No file has this name.")
        headers = {
            "Cache-Control": _FOREVER if v == asset.digest else "no-cache",
            "X-Content-Type-Options": "nosniff",
        }
        return await asset.answer(request, headers)

    return routes


def _walk(folder: Traversable, prefix: str) -> Iterator[tuple[str, Fixed]]:
    for entry in folder.iterdir():
        name = prefix + entry.name
        if entry.is_dir():
            yield from _walk(entry, f"{name}/")
        elif (media_type := _MEDIA_TYPES.get(PurePath(name).suffix)) is not None:
            yield name, Fixed(entry.read_bytes(), media_type)


def _page(title: str, body: str, *, sandbox: bool) -> Fixed:
    """Fill the frame that both pages share; `{name}` of an asset becomes its address."""
    banner = _BANNER if sandbox else ""
    page = _FRAME.format(title=html.escape(title), banner=banner, body=body)
    return Fixed(_ASSET.sub(_address, page).encode(), "text/html")


def _address(match: re.Match[str]) -> str:
    name = match[1]
    return f'"static/{name}?v={assets()[name].digest}"'
