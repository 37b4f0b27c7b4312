"""Answers `/` to browsers, and `/playground/...` with what the page is made of."""

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Scope

from app.playground.assets import PAGE, Asset, read_assets

# The page runs its own files alone, talks to this service alone, and makes no HTML out of text.
SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
HEADERS = {
    "Cache-Control": "no-cache",  # kept, but asked for each time: a new version shows at once
    "Content-Security-Policy": SECURITY_POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class BrowserRoute(APIRoute):
    """A route for those who read HTML; for others it is not there, and the next one answers."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child_scope = super().matches(scope)
        if match is not Match.FULL or not _reads_html(scope):
            return Match.NONE, {}
        return match, child_scope


def add_playground(app: FastAPI) -> None:
    """Put the page in front of whatever else answers `/`, and its assets beside it."""
    assets = read_assets()

    async def page(request: Request) -> Response:
        return _answer(request, assets[PAGE], {"Vary": "Accept"})

    async def asset(request: Request, path: str) -> Response:
        found = assets.get(path)
        if found is None:
            raise HTTPException(404)
        return _answer(request, found)

    app.router.routes.insert(0, BrowserRoute("/", page, include_in_schema=False))
    app.add_api_route("/playground/{path:path}", asset, include_in_schema=False)


def _reads_html(scope: Scope) -> bool:
    accepted = b",".join(value for name, value in scope["headers"] if name == b"accept")
    return b"text/html" in accepted.lower()


def _answer(request: Request, asset: Asset, extra: dict[str, str] | None = None) -> Response:
    headers = {**HEADERS, **(extra or {}), "ETag": asset.etag}
    if request.headers.get("if-none-match") == asset.etag:
        return Response(status_code=304, headers=headers)
    return Response(asset.content, headers=headers, media_type=asset.media_type)
