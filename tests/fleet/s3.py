"""A real S3 server (moto), in a process and an environment of its own; it forgets when it stops."""

import http.client
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.mirror.remote_store import RemoteStore, open_remote
from tests.support.environments import python_with

BUCKET = "models"
URL = f"s3://{BUCKET}/team"
START_SECONDS = 60


class S3Server:
    """The server on one port, however often it is stopped and started."""

    def __init__(self) -> None:
        requirements = Path(__file__).parent / "environments" / "s3.txt"
        self._python = python_with(requirements)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start with an empty bucket."""
        self._process = subprocess.Popen(
            [self._python, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + START_SECONDS
        while not self._make_bucket():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise AssertionError("the S3 server does not start")
            time.sleep(0.1)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)
            self._process = None

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Let the server take connections, and answer none."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def store(self) -> RemoteStore:
        return open_remote(URL)

    def clear(self) -> None:
        """Remove every object."""
        store = self.store()
        for chunk in store._store.list():
            store._store.delete([found["path"] for found in chunk])

    def _make_bucket(self) -> bool:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
            connection.request("PUT", f"/{BUCKET}")
            made = connection.getresponse().status == 200
            connection.close()
        except OSError:
            return False
        return made


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """Run a server that services and commands started meanwhile know by their environment."""
    server = S3Server()
    variables = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.port}",
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_REGION": "eu-central-1",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        server.start()
        try:
            yield server
        finally:
            server.stop()
