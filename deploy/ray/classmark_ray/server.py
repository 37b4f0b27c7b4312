"""A Classmark in a process of its own, on one of this node's ports, in whatever Python has it.

Between the two stands a shell, and its death is the server's SIGTERM: the kernel sends one however
the replica ends, by itself or by SIGKILL. Two would stop the server at once. A lock a port, which
the server holds for as long as it lives, tells whether it is still there. All that is Linux.
"""

import http.client
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from classmark_ray.ports import claim_port, lock_port

LAUNCH = 'setpriv --pdeathsig TERM "$@" >&2 & echo $!; wait $!'
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
    """A server that is ready, and is this process's own: whoever else answers is an error.

    The thread that makes it must live as long as the server, which drains when that thread ends.

    Attributes:
        pid: of the server.
    """

    def __init__(self, options: ServerOptions) -> None:
        self._options = options
        self._host = options.settings["CLASSMARK_HOST"]
        deadline = time.monotonic() + options.start_seconds
        self.port, lock = self._wait_for_port(deadline)
        try:
            self._shell = self._launch(lock)
        finally:
            os.close(lock)  # the server holds it now
        assert self._shell.stdout is not None
        with self._shell.stdout as told:
            self.pid = int(told.readline())
        try:
            self._wait_until_ready(deadline)
        except ServerError:
            self.stop()
            raise

    def ask(self, path: str) -> str:
        """Return the body of an answer of 200; raise ServerError for any other, or without one."""
        if (code := self._shell.poll()) is not None:
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
        self._shell.kill()
        self._shell.wait()
        deadline = time.monotonic() + self._options.stop_seconds
        while (lock := lock_port(self.port)) is None:
            if time.monotonic() >= deadline:
                os.kill(self.pid, signal.SIGKILL)
            time.sleep(PAUSE_SECONDS)
        os.close(lock)

    def _wait_for_port(self, deadline: float) -> tuple[int, int]:
        """Return a port that nobody has, and its lock; wait for one whose server still drains."""
        ports = self._options.ports
        while (found := claim_port(self._host, ports)) is None:
            if time.monotonic() >= deadline:
                names = ", ".join(map(str, ports))
                raise ServerError(f"no port of {names} is free; stop what listens, or name more")
            time.sleep(PAUSE_SECONDS)
        return found

    def _launch(self, lock: int) -> "subprocess.Popen[str]":
        """Start the shell, which says the server's process id and ends with its code."""
        # Ray's own packages are none of the server's.
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        return subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "sh", "-c", LAUNCH, "sh", self._options.python]
            + ["-m", "app"],
            env=kept | dict(self._options.settings) | {"CLASSMARK_PORT": str(self.port)},
            stdout=subprocess.PIPE,
            text=True,
            pass_fds=[lock],
            start_new_session=True,  # Ray kills the group of a worker that ends
        )

    def _wait_until_ready(self, deadline: float) -> None:
        while True:
            try:
                self.ask("/health/ready")
            except ServerError as exc:
                if self._shell.poll() is not None or time.monotonic() >= deadline:
                    raise ServerError(f"not ready on port {self.port}: {exc}") from exc
                time.sleep(PAUSE_SECONDS)
            else:
                return
