"""A real service in a process of its own, on a free loopback port."""

import hashlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

START_SECONDS = 120
# Opens the service of the fixture `guarded_server`.
KEY = "a-key-for-predictions"


def key_line(name: str, scope: str, key: str) -> str:
    """Return the line of a file of keys."""
    return f"{name} {scope} {hashlib.sha256(key.encode()).hexdigest()}\n"


class Server:
    """`python -m app`, with its log at hand."""

    def __init__(
        self,
        store: Path | str,
        python: Path,
        settings: dict[str, object],
        module: str = "app",
    ) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("CLASSMARK_")}
        settings = {"port": 0, "model_store": store} | settings
        environment |= {f"CLASSMARK_{key.upper()}": str(value) for key, value in settings.items()}
        self.process = subprocess.Popen(
            [python, "-m", module], env=environment, stderr=subprocess.PIPE, text=True
        )
        self.log: list[str] = []
        self._url: str | None = None
        self._changed = threading.Condition()
        self._follower = threading.Thread(target=self._follow_log)
        self._follower.start()

    def _follow_log(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._changed:
                self.log.append(line.rstrip("\n"))
                if found := re.search(r"listening.*?(http://[^ ,\"]+)", line):
                    self._url = found[1]
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def wait_for_log(self, pattern: str, seconds: float = START_SECONDS) -> str:
        """Wait for a line of the log, and return it."""
        deadline = time.monotonic() + seconds
        seen = 0
        with self._changed:
            while True:
                for line in self.log[seen:]:
                    if re.search(pattern, line):
                        return line
                seen = len(self.log)
                left = deadline - time.monotonic()
                if left <= 0 or (self.process.poll() is not None and not self._changed.wait(1)):
                    raise AssertionError(f"no {pattern!r} in the log:\n" + "\n".join(self.log))
                self._changed.wait(min(left, 1))

    @property
    def url(self) -> str:
        if self._url is None:
            self.wait_for_log("listening")
        assert self._url is not None
        return self._url

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    def client(self, **options: object) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=60, trust_env=False, **options)  # type: ignore[arg-type]

    def close(self) -> None:
        """End the process, whatever it does."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(30)
        self._follower.join()
        if self.process.stderr is not None:
            self.process.stderr.close()

    def terminate(self, seconds: float = 60) -> int:
        """Send SIGTERM and return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)


@contextmanager
def asking(shared: Server, store: Path, settings: dict[str, object]) -> Iterator[httpx.Client]:
    """Give a client of the shared service, or of one with these settings, if there are any."""
    with ExitStack() as stack:
        server = stack.enter_context(serving(store, **settings)) if settings else shared
        yield stack.enter_context(server.client())


@contextmanager
def serving(
    store: Path | str, *, python: Path = Path(sys.executable), **settings: object
) -> Iterator[Server]:
    """Run a service, with its models loaded, until the block ends."""
    server = Server(store, python, settings)
    try:
        server.wait_for_log("started")
        yield server
    finally:
        server.close()
