"""Reads the page and what it is made of: plain files, as they are served."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

STATIC = Path(__file__).parent / "static"
PAGE = "index.html"
# Not from the system's table, which differs from machine to machine.
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it goes over the wire.

    Attributes:
        etag: changes with the content, so that a browser that kept an older one takes this one.
    """

    content: bytes
    media_type: str
    etag: str


def read_assets() -> dict[str, Asset]:
    """Return every file of the page by its path below `static/`, with forward slashes."""
    return {
        path.relative_to(STATIC).as_posix(): _read(path)
        for path in sorted(STATIC.rglob("*"))
        if path.suffix in MEDIA_TYPES
    }


def _read(path: Path) -> Asset:
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()[:32]
    return Asset(content, MEDIA_TYPES[path.suffix], f'"{digest}"')
