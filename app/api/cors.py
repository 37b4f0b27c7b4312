"""Lets web pages of other origins read predictions, where the settings name them."""

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from app.security import Authorizer

# What a page may read of an answer besides its body.
EXPOSED = (
    "Server-Timing",
    "X-Request-ID",
    "Retry-After",
    "X-Classmark-Model",
    "X-Classmark-Version",
    "traceresponse",
)


def allow_origins(app: ASGIApp, authorizer: Authorizer) -> ASGIApp:
    """Return an application that answers what browsers ask before they send, and says who may read.

    Inference requests reach no application: `cors_headers` says it there.
    """
    if not authorizer.origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=authorizer.origins,
        allow_methods=("GET", "POST"),
        allow_headers=("*",),
        expose_headers=EXPOSED,
    )


def cors_headers(origin: str, authorizer: Authorizer) -> list[tuple[bytes, bytes]]:
    """Return the headers of an answer to a page of this origin."""
    allowed = authorizer.readable_from(origin)
    if allowed is None:
        return []
    exposed = ", ".join(EXPOSED).encode()
    return [
        (b"access-control-allow-origin", allowed.encode("latin-1")),
        (b"access-control-expose-headers", exposed),
        (b"vary", b"Origin"),
    ]
