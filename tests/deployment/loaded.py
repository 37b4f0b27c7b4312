"""Three real services under load, of every kind that the dashboards tell apart.

The first has keys, a cache, a new version and a damaged one. The second has several processes, one
of which is killed. The third follows a bucket that cannot be reached, so it never becomes ready.
"""

import itertools
import os
import re
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from tests.deployment.bundles import write_bundle
from tests.support.server import Server, key_line, serving

KEYS = {"website": "a-key", "nightly": "another-key"}
# Nothing listens on a port that only root may open.
NOWHERE = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
    "AWS_ACCESS_KEY_ID": "-",
    "AWS_SECRET_ACCESS_KEY": "-",
    "AWS_REGION": "-",
    "AWS_ALLOW_HTTP": "true",
}


class Loaded:
    """The services, and those who ask them."""

    def __init__(self, store: Path, servers: Sequence[Server], stack: ExitStack) -> None:
        self.store = store
        self.servers = servers
        self._callers = [
            stack.enter_context(servers[0].client(headers={"Authorization": f"Bearer {key}"}))
            for key in KEYS.values()
        ]
        self._others = [stack.enter_context(server.client()) for server in self.servers]
        self._numbers = itertools.count()

    @property
    def addresses(self) -> list[str]:
        return [server.url.removeprefix("http://") for server in self.servers]

    def send(self) -> None:
        """Send what callers send, mistakes included; to the last service, which refuses it."""
        for client in (*self._callers, self._others[1]):
            statuses = [answer.status_code for answer in self._ask(client)]
            assert statuses == [200, 200, 200, 200, 404, 422, 400], statuses
        for client, status in ((self._others[0], 401), (self._others[2], 503)):
            assert client.post("/v1/classify", json=self._body()).status_code == status

    def _ask(self, client: httpx.Client) -> Iterator[httpx.Response]:
        long = {"inputs": ["good", "film " * 40], "long_text": "error", "on_error": "report"}
        yield client.post("/v1/classify", json=self._body())
        yield client.post("/v1/ner", json={"inputs": ["good film Paris", "film " * 40]})
        yield client.post("/v1/classify", json={"model": "sentiment"} | long)
        yield client.post("/v1/analyze", json={"inputs": ["good film Paris", "bad film"]})
        yield client.post("/v1/classify", json={"model": "nobody", "inputs": "good"})
        yield client.post("/v1/classify", json={"inputs": "good", "top_k": 0})
        yield client.post("/v1/ner", content=b"{", headers={"Content-Type": "application/json"})

    def _body(self) -> dict[str, object]:
        """Return texts of which some were sent before, and some were not."""
        return {"model": "sentiment", "inputs": ["good film", f"bad {next(self._numbers)}"] * 4}


@contextmanager
def loaded_services(folder: Path) -> Iterator[Loaded]:
    """Run the services until the block ends."""
    store, keys = folder / "store", folder / "keys"
    for name in ("sentiment", "topic"):
        write_bundle(store, name, 1, "sequence-classification")
    write_bundle(store, "ner", 1, "token-classification")
    keys.write_text("".join(key_line(name, "predict", key) for name, key in KEYS.items()))
    with ExitStack() as stack:
        main = stack.enter_context(serving(store, api_keys_file=keys, cache_megabytes=1))
        spread = stack.enter_context(serving(store, workers=2))
        waiting = stack.enter_context(_following_nothing(folder / "cache"))
        loaded = Loaded(store, (main, spread, waiting), stack)
        loaded.send()
        publish(store, "sentiment", 2)
        for server in (main, spread):
            server.wait_for_log("model swapped.*version=2")
        _kill_front_end(spread)
        yield loaded


@contextmanager
def _following_nothing(cache: Path) -> Iterator[Server]:
    os.environ.update(NOWHERE)
    server = Server("s3://models/none", Path(sys.executable), {"store_cache": cache})
    for name in NOWHERE:
        del os.environ[name]
    try:
        server.wait_for_log("listening")
        yield server
    finally:
        server.close()


def publish(store: Path, name: str, version: int, *, damaged: bool = False) -> None:
    """Put a version into the store as an export does: whole, by a rename."""
    made = write_bundle(store.parent / "made", name, version, "sequence-classification")
    if damaged:
        graph = made / "model.fp32.onnx"
        graph.write_bytes(bytes(graph.stat().st_size))
    made.rename(store / name / str(version))


def _kill_front_end(server: Server) -> None:
    launched = server.wait_for_log("front end serves .*front-end-1 process_pid=")
    found = re.search(r"process_pid=(\d+)", launched)
    assert found is not None
    os.kill(int(found[1]), signal.SIGKILL)
    server.wait_for_log("process died and is replaced.*front-end-1")
