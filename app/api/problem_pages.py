"""The pages below `/problems`: what each failure means, from the error classes themselves."""

import base64
import difflib
import hashlib
import html
from collections.abc import Iterator

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.api.fixed import Fixed
from app.errors import ParameterFault, RouteNotFoundError, ServiceError

_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 46rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; line-height: 1.25; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid #8884; padding: .4rem .75rem .4rem 0; text-align: left; }
th, td { vertical-align: top; }
code { font: .9em ui-monospace, monospace; overflow-wrap: anywhere; }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Vary": "Accept, Accept-Encoding",
    "X-Content-Type-Options": "nosniff",
}


class ProblemKind(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of failure: its slug, HTTP status, title and what it means."""

    slug: str
    status: int
    title: str
    explanation: str


class ProblemKinds(msgspec.Struct, frozen=True, kw_only=True):
    """All kinds of failure, by status and slug."""

    items: tuple[ProblemKind, ...]


def problem_kinds() -> ProblemKinds:
    """Return every kind that `app.errors` names."""
    kinds = {
        kind.slug: ProblemKind(
            slug=kind.slug, status=kind.status, title=kind.title, explanation=kind.__doc__ or ""
        )
        for kind in _descendants(ServiceError)
        if "slug" in vars(kind) and kind.__module__ == ServiceError.__module__
    }
    return ProblemKinds(
        items=tuple(sorted(kinds.values(), key=lambda each: (each.status, each.slug)))
    )


def router() -> APIRouter:
    """Serve `/problems` and `/problems/{slug}`: pages, or JSON when `Accept` asks for it alone."""
    routes = APIRouter(include_in_schema=False)
    kinds = problem_kinds()
    table = _Text(kinds, "Problems", _table(kinds))
    by_slug = {kind.slug: _Text(kind, kind.title, _explanation(kind)) for kind in kinds.items}

    @routes.get("/problems")
    async def index(request: Request) -> Response:
        return await table.answer(request)

    @routes.get("/problems/{slug}")
    async def page(request: Request, slug: str) -> Response:
        text = by_slug.get(slug)
        if text is None:
            raise _unknown(slug, list(by_slug))
        return await text.answer(request)

    return routes


class _Text:
    """One text as a page and as JSON."""

    def __init__(self, data: msgspec.Struct, title: str, body: str) -> None:
        self._page = Fixed(_page(title, body).encode(), "text/html")
        self._json = Fixed(msgspec.json.encode(data), "application/json")

    async def answer(self, request: Request) -> Response:
        accept = request.headers.get("accept", "")
        as_json = "application/json" in accept and "text/html" not in accept
        return await (self._json if as_json else self._page).answer(request, _HEADERS)


def _descendants(kind: type[ServiceError]) -> Iterator[type[ServiceError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _descendants(child)


def _unknown(slug: str, known: list[str]) -> RouteNotFoundError:
    nearest = difflib.get_close_matches(slug, known, n=1)
    fault = ParameterFault(
        parameter="slug",
        detail="No problem has this slug.",
        did_you_mean=nearest[0] if nearest else None,
    )
    return RouteNotFoundError("No problem has this slug; `/problems` lists all.", faults=[fault])


def _page(title: str, body: str) -> str:
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<link rel="icon" href="data:,">\n'
        f"<title>{html.escape(title)} · Taskgate</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<h1>{html.escape(title)}</h1>\n{body}\n</body>\n</html>\n"
    )


def _table(kinds: ProblemKinds) -> str:
    rows = "\n".join(
        f'<tr><td>{kind.status}</td><td><a href="problems/{kind.slug}"><code>{kind.slug}</code></a>'
        f"<br>{_prose(kind.explanation)}</td></tr>"
        for kind in kinds.items
    )
    return (
        "<p>Every error is <code>application/problem+json</code> (RFC 9457); its <code>code</code> "
        "is one of these.</p>\n"
        f'<table>\n<tr><th scope="col">Status</th><th scope="col">Code</th></tr>\n{rows}\n</table>'
    )


def _explanation(kind: ProblemKind) -> str:
    return (
        f"<p>{_prose(kind.explanation)}</p>\n"
        f"<p>Code <code>{kind.slug}</code>, HTTP status {kind.status}.</p>\n"
        '<p><a href="../problems">All problems</a></p>'
    )


def _prose(docstring: str) -> str:
    """Escape a docstring and set what stands between backticks as code."""
    parts = html.escape(docstring).split("`")
    return "".join(f"<code>{part}</code>" if turn % 2 else part for turn, part in enumerate(parts))
