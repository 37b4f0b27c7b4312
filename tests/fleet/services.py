"""Services that start and stop as Kubernetes does it, with the chart's numbers."""

import signal
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from tests.fleet.chart import ChartNumbers
from tests.fleet.haproxy import HAProxy
from tests.support.server import START_SECONDS, Server


@dataclass(frozen=True)
class Pod:
    """A service, and the balancer's name for it."""

    server: Server
    slot: str

    def answered(self) -> int:
        """Return how many predictions the service counts."""
        with self.server.client() as client:
            lines = client.get("/metrics").text.splitlines()
        counts = [line for line in lines if line.startswith("classmark_requests_total{")]
        return sum(int(float(line.split()[-1])) for line in counts if "/v1/classify" in line)


class Fleet:
    """Pods behind a balancer.

    Args:
        settings: of every service, beside those that the chart gives.
    """

    def __init__(
        self, store: Path, haproxy: HAProxy, chart: ChartNumbers, settings: dict[str, object]
    ) -> None:
        self.pods: list[Pod] = []
        self._store, self._haproxy, self._chart = store, haproxy, chart
        # Three services share the machine, and none has to be fast.
        self._settings = {"executors": 1, "drain_seconds": chart.drain_seconds} | settings
        self._servers: list[Server] = []
        self._threads = ThreadPoolExecutor()
        self._closed = Event()

    def launch(self, **settings: object) -> Server:
        """Start a service that the balancer does not know."""
        server = Server(self._store, Path(sys.executable), self._settings | settings)
        self._servers.append(server)
        return server

    def start(self, count: int = 1) -> list[Pod]:
        """Start pods, each of which becomes an endpoint once it is ready."""
        pods = []
        for server in [self.launch() for _ in range(count)]:
            self.wait_until_ready(server)
            pods.append(Pod(server, self._haproxy.add(server.port)))
        self.pods += pods
        return pods

    def wait_until_ready(self, server: Server) -> None:
        """Ask as the readiness probe does, once a period."""
        with server.client() as client:
            for _ in range(int(START_SECONDS / self._chart.probe_seconds)):
                if client.get("/health/ready").status_code == 200:
                    return
                self._closed.wait(self._chart.probe_seconds)
        raise AssertionError("never ready:\n" + "\n".join(server.log))

    def stop(self, pod: Pod, endpoint_stays_seconds: float = 0.0) -> "Future[int]":
        """Begin to stop a pod; return what will be its exit code.

        Args:
            endpoint_stays_seconds: how long it takes until the balancer hears of it.
        """
        self.pods.remove(pod)
        removed = self._threads.submit(self._remove_endpoint, pod, endpoint_stays_seconds)
        return self._threads.submit(self._terminate, pod, removed)

    def _remove_endpoint(self, pod: Pod, after_seconds: float) -> None:
        self._closed.wait(after_seconds)
        self._haproxy.remove(pod.slot)

    def _terminate(self, pod: Pod, removed: "Future[None]") -> int:
        chart = self._chart
        self._closed.wait(chart.pre_stop_seconds)
        code = pod.server.terminate(chart.grace_seconds - chart.pre_stop_seconds)
        removed.result()
        return code

    def roll(self) -> list[int]:
        """Replace every pod, at most one more than there are at a time; return exit codes.

        With maxSurge 1 and maxUnavailable 0 the next pod starts as soon as one begins to stop. The
        balancer hears at once of the first, and of the last when half its drain is over.
        """
        latest = self._chart.pre_stop_seconds + self._chart.drain_seconds / 2
        old, stopping = list(self.pods), []
        for number, pod in enumerate(old):
            self.start()
            stopping.append(self.stop(pod, latest * number / (len(old) - 1)))
        return [one.result() for one in stopping]

    def kill(self, pod: Pod) -> None:
        """End a pod as a lack of memory does; the balancer is told nothing."""
        self.pods.remove(pod)
        pod.server.process.send_signal(signal.SIGKILL)
        pod.server.process.wait(30)

    def close(self) -> None:
        self._closed.set()
        self._threads.shutdown()
        for server in self._servers:
            server.close()


@contextmanager
def fleet(
    store: Path, haproxy: HAProxy, chart: ChartNumbers, pods: int, **settings: object
) -> Iterator[Fleet]:
    """Run a number of pods behind a balancer until the block ends."""
    running = Fleet(store, haproxy, chart, settings)
    try:
        running.start(pods)
        yield running
    finally:
        running.close()
