"""A Classmark in a process of its own, on one of this node's ports, in whatever Python has it.

Only Linux: the kernel ends the server with its replica, and a lock a port tells who owns it.
"""

import fcntl
import http.client
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ASK_SECONDS = 5.0
PAUSE_SECONDS = 0.2
EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # and where it can be asked from here


class ServerError(Exception):
    """A server that does not start or does not answer; the message says why."""


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How a node's server is started.

    Attributes:
        python: has Classmark installed; it need not be Ray's.
        settings: CLASSMARK_* variables, and any other that the server is to see.
        ports: of a node; a server takes the first that no other has.
        start_seconds: until it is ready, what it waits for a port included.
        stop_seconds: from SIGTERM to its end.
    """

    python: str
    settings: Mapping[str, str]
    ports: Sequence[int]
    start_seconds: float
    stop_seconds: float


class OwnServer:
    """A server that is ready, and is this process's child: whoever else answers is an error.

    The thread that makes it must live as long as the server: SIGTERM comes when that thread ends.
    """

    def __init__(self, options: ServerOptions) -> None:
        self._options = options
        self._host = options.settings["CLASSMARK_HOST"]
        deadline = time.monotonic() + options.start_seconds
        self.port, lock = self._claim(deadline)
        try:
            self.process = self._start(lock)
        finally:
            os.close(lock)  # the server holds it now, for as long as it lives
        try:
            self._wait_until_ready(deadline)
        except ServerError:
            self.stop()
            raise

    def ask(self, path: str) -> str:
        """Return the body of an answer of 200; raise ServerError for any other, or without one."""
        if (code := self.process.poll()) is not None:
            raise ServerError(f"the server on port {self.port} has ended with {code}; see its log")
        address = EVERY_ADDRESS.get(self._host, self._host)
        connection = http.client.HTTPConnection(address, self.port, timeout=ASK_SECONDS)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read().decode()
        except (OSError, http.client.HTTPException) as exc:
            raise ServerError(f"{path} on port {self.port} gave no answer: {exc!r}") from exc
        finally:
            connection.close()
        if response.status != http.client.OK:
            raise ServerError(f"{path} on port {self.port} answered {response.status}: {body}")
        return body

    def stop(self) -> None:
        """Let it drain; kill it if it does not end."""
        self.process.terminate()
        try:
            self.process.wait(self._options.stop_seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _claim(self, deadline: float) -> tuple[int, int]:
        """Return a port that nobody has, and its lock; wait for one that still drains."""
        while time.monotonic() < deadline:
            for port in self._options.ports:
                lock = _lock(port)
                if lock is not None and _is_free(self._host, port):
                    return port, lock
                if lock is not None:
                    os.close(lock)
            time.sleep(PAUSE_SECONDS)
        ports = ", ".join(map(str, self._options.ports))
        raise ServerError(
            f"no port of {ports} is free on this node; stop what listens, or name more"
        )

    def _start(self, lock: int) -> "subprocess.Popen[bytes]":
        """Start it so that it drains when this process is gone, however that ends."""
        # Ray's own packages are none of the server's.
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        return subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", self._options.python, "-m", "app"],
            env=kept | dict(self._options.settings) | {"CLASSMARK_PORT": str(self.port)},
            pass_fds=[lock],
            start_new_session=True,  # Ray kills the group of a worker that ends
        )

    def _wait_until_ready(self, deadline: float) -> None:
        while True:
            try:
                self.ask("/health/ready")
            except ServerError as exc:
                if self.process.poll() is not None or time.monotonic() >= deadline:
                    raise ServerError(f"not ready on port {self.port}: {exc}") from exc
                time.sleep(PAUSE_SECONDS)
            else:
                return


def _lock(port: int) -> int | None:
    """Return what keeps a port for one server of this node, while open; None if one has it."""
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
