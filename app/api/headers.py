"""Header values straight from an ASGI scope, for code that every request passes."""

from starlette.types import Scope


def header(scope: Scope, name: bytes) -> bytes:
    """Return the first value of a header, or nothing.

    Args:
        name: in small letters, as servers give them.
    """
    for key, value in scope["headers"]:
        if key == name:
            found: bytes = value
            return found
    return b""
