"""What a connection may take: how long to say something, how much, and how many there may be."""

import resource
from dataclasses import dataclass

from app.settings import Settings

# Descriptors that stay free for files, sockets between processes and the like.
SPARE_DESCRIPTORS = 24


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Limits of one connection, and the number of all.

    Attributes:
        head_seconds: from the first byte of a request, or from the connection, to the whole head.
        request_seconds: for a body to come, or for an answer to be read.
        keep_alive_seconds: of silence between two requests.
        max_head_bytes: of the request line and all headers.
        max_connections: at the same time.
    """

    head_seconds: float
    request_seconds: float
    keep_alive_seconds: float
    max_head_bytes: int
    max_connections: int


def read_limits(settings: Settings) -> ConnectionLimits:
    """Return the limits; connections end before this process's descriptors do."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return ConnectionLimits(
        settings.head_seconds,
        settings.request_timeout_seconds,
        settings.keep_alive_seconds,
        settings.max_head_bytes,
        max(1, min(settings.max_connections, descriptors - SPARE_DESCRIPTORS)),
    )
