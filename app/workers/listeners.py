"""One port for several processes."""

import errno
import os
import socket

Address = tuple[str, int]


def reserve(host: str, port: int) -> list[socket.socket]:
    """Take a port on every address of a host, for this process's children to listen on.

    Each front end listens on a socket of its own (SO_REUSEPORT): the kernel then spreads
    connections evenly, where one inherited socket would let whichever process wakes up first take a
    whole burst, and what waits to be accepted by a process that dies is lost with that process
    alone. The sockets returned here never listen; they keep the port while no front end does.

    Args:
        port: 0 takes a free one.

    Raises:
        OSError: the port is taken, by whomever: also by another instance that shares ports.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    reserved: list[socket.socket] = []
    for family, _, _, _, address in dict.fromkeys(found):
        wanted = (str(address[0]), port or (reserved[0].getsockname()[1] if reserved else 0))
        with _bound(family, wanted, share=False) as probe:
            probe.listen()
            wanted = (wanted[0], probe.getsockname()[1])
        reserved.append(_bound(family, wanted, share=True))
    return reserved


def listen_too(host: str, port: int) -> socket.socket:
    """Return a socket of this process's own on a reserved port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return _bound(family, (host, port), share=True)


def _bound(family: int, address: Address, *, share: bool) -> socket.socket:
    one = socket.socket(family, socket.SOCK_STREAM)
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if share:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind(address)
    except OSError as exc:
        one.close()
        if exc.errno == errno.EADDRINUSE:
            text = os.strerror(exc.errno).lower()
            raise OSError(
                exc.errno, f"{address[0]}:{address[1]}: {text}; stop what listens there, or set "
                "CLASSMARK_PORT"
            ) from None  # fmt: skip
        raise
    return one
