"""Keeps each port of a node for one server: by a lock, which lasts as long as the server does."""

import fcntl
import os
import socket
import tempfile
from collections.abc import Iterable
from pathlib import Path


def claim_port(host: str, ports: Iterable[int]) -> tuple[int, int] | None:
    """Return the first port that nobody has, and its lock; None if there is none."""
    for port in ports:
        lock = lock_port(port)
        if lock is not None and _is_free(host, port):
            return port, lock
        if lock is not None:
            os.close(lock)
    return None


def lock_port(port: int) -> int | None:
    """Return a descriptor that keeps a port while a process has it; None if a server does."""
    path = Path(tempfile.gettempdir()) / f"classmark-{port}.lock"
    lock = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def _is_free(host: str, port: int) -> bool:
    """Tell whether nothing listens on a port, such as a program that knows no locks."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError:
        return False
    return True
