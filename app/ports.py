"""Binds a port: for one process, or to be shared between several."""

import errno
import socket
from collections.abc import Callable
from functools import partial

Address = tuple[str, int]
_ABSENT = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}


def reserve(host: str, port: int) -> list[socket.socket]:
    """Reserve a port on every address of a host, for this process's children to listen on.

    Each front end listens on a socket of its own (SO_REUSEPORT), so the kernel spreads connections
    evenly: with one inherited socket, the process that wakes up first would take a whole burst. If
    a process dies, only the connections that wait for it are lost. The sockets returned here never
    listen; they keep the port while no front end listens.

    Args:
        port: 0 takes a free one.

    Raises:
        OSError: the port is taken, even by another instance that shares ports.
    """
    return _on_every_address(host, port, _reserve)


def listen(host: str, port: int) -> list[socket.socket]:
    """Bind a port on every address of a host, for this process alone; arguments as for `reserve`.

    Raises:
        OSError: the port is taken.
    """
    return _on_every_address(host, port, partial(_bound, share=False))


def _on_every_address(
    host: str, port: int, bind: Callable[[int, Address], socket.socket]
) -> list[socket.socket]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    bound: list[socket.socket] = []
    absent: OSError | None = None
    for family, _, _, _, address in dict.fromkeys(found):
        wanted = (str(address[0]), bound[0].getsockname()[1] if bound else port)
        try:
            bound.append(bind(family, wanted))
        except OSError as exc:
            if exc.errno not in _ABSENT:
                raise
            absent = exc  # such as ::1 for localhost, on a machine without IPv6
    if absent is not None and not bound:
        raise absent
    return bound


def _reserve(family: int, address: Address) -> socket.socket:
    # Without sharing first: that fails if any socket listens there, even one that shares.
    with _bound(family, address, share=False) as probe:
        probe.listen()
        free: Address = probe.getsockname()[:2]
    return _bound(family, free, share=True)


def listen_too(host: str, port: int) -> socket.socket:
    """Return this process's own socket on a reserved port."""
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
        if exc.errno != errno.EADDRINUSE:
            raise
        raise OSError(
            f"{address[0]}:{address[1]}: address already in use; stop what listens there, or set "
            "CLASSMARK_PORT"
        ) from None
    return one
