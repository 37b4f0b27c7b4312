"""Takes a client's offer to speak another protocol out of a request: a server may ignore it.

Clients that know HTTP/2 offer `Upgrade: h2c` with an ordinary request; the parser would end that
request at its head and lose the body.
"""

from collections.abc import Sequence

_OFFER = {b"upgrade", b"http2-settings"}


def without_offer(method: bytes, url: bytes, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Return the head of an HTTP/1.1 request without its offer.

    Args:
        headers: with names in small letters.
    """
    lines = [b"%b %b HTTP/1.1" % (method, url)]
    for name, value in headers:
        if name == b"connection":
            tokens = [token.strip() for token in value.split(b",")]
            value = b", ".join(token for token in tokens if token.lower() not in _OFFER)
        if name not in _OFFER and (value or name != b"connection"):
            lines.append(b"%b: %b" % (name, value))
    return b"\r\n".join((*lines, b"", b""))
