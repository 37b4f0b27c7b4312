"""Pods that share a load, which a real Prometheus knows as if it had scraped them."""

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np

from tests.deployment.prometheus import Prometheus
from tests.fleet.helm import NAMESPACE
from tests.fleet.remote_write import Sample, write_request
from tests.fleet.scaling import queries

EXECUTORS = 2
# From the wish for a pod to its first request: a node is there, models are loaded and warmed up.
START_SECONDS = 30
STEP_SECONDS = SCRAPE_SECONDS = 15
# Numbers that tell fleets apart in one Prometheus.
FLEETS = count()


@dataclass
class Pod:
    """A service: seconds that executors were busy, seconds of work that wait."""

    name: str
    ready_at: float
    busy_seconds: float = 0.0
    backlog_seconds: float = 0.0
    expected_wait: float = 0.0

    # What two services of one executor showed in a closed loop of 1, 2, 8 and 32 connections: the
    # share of the executors that was busy, and the expected wait of each.
    KNEE = ((0.0, 0.72, 0.85, 0.9, 0.95), (0.0, 0.00025, 0.001, 0.0085, 0.045))
    # The default of max_queue_seconds: beyond it requests are refused.
    MOST_WAIT_SECONDS = 5.0

    def run(self, load: float) -> None:
        """Take a second's load, in executors that it would keep busy."""
        work = self.backlog_seconds + load
        busy = min(EXECUTORS, work)
        self.busy_seconds += busy
        self.backlog_seconds = min(work - busy, self.MOST_WAIT_SECONDS * EXECUTORS)
        knee = float(np.interp(load / EXECUTORS, *self.KNEE))
        self.expected_wait = self.backlog_seconds / EXECUTORS + knee


class Fleet:
    """Pods that share a load evenly, are scraped, and take a while to start."""

    def __init__(self, labels: Mapping[str, str]) -> None:
        self.pods: list[Pod] = []
        self._labels = labels
        self._made = 0
        self._noise = random.Random(0)

    def scale(self, replicas: int, now: float, *, ready: bool = False) -> None:
        """Start pods, or end the youngest."""
        del self.pods[replicas:]
        while len(self.pods) < replicas:
            ready_at = now if ready else now + START_SECONDS
            self.pods.append(Pod(f"pod-{self._made}", ready_at))
            self._made += 1

    def run(self, now: float, seconds: int, load: float) -> list[Sample]:
        """Live through some seconds of a load that varies by a tenth; return what is scraped."""
        samples = []
        for second in range(seconds):
            at = now + second
            ready = [pod for pod in self.pods if pod.ready_at <= at]
            share = load * self._noise.uniform(0.9, 1.1) / len(ready)
            for pod in ready:
                pod.run(share)
            for number, pod in enumerate(self.pods):
                # Each has its own moment, as Prometheus spreads its targets.
                if pod in ready and (round(at) + 7 * number) % SCRAPE_SECONDS == 0:
                    samples += self._exported(pod, at)
        return samples

    def _exported(self, pod: Pod, at: float) -> list[Sample]:
        figures = {
            "classmark_executor_busy_seconds_total": pod.busy_seconds,
            "classmark_queue_expected_wait_seconds": pod.expected_wait,
        }
        labels = {**self._labels, "pod": pod.name}
        return [Sample(labels | {"__name__": name}, at, figures[name]) for name in figures]


class Simulation:
    """Pods under a load, in executors that it would keep busy, and a Prometheus that knows them."""

    def __init__(self, prometheus: Prometheus, spec: Mapping[str, Any], replicas: int) -> None:
        namespace = f"fleet-{next(FLEETS)}"
        self._prometheus = prometheus
        self._queries = [
            query.replace(f'"{NAMESPACE}"', f'"{namespace}"') for query in queries(spec)
        ]
        self.fleet = Fleet({"namespace": namespace, "service": "classmark"})
        # Late enough for Prometheus to take it, early enough for nothing to lie in the future.
        self.now = time.time() // 60 * 60 - 30 * 60
        self.fleet.scale(replicas, self.now, ready=True)

    def step(self, load: float) -> list[float]:
        """Live until the autoscaler's next look; return what it sees."""
        samples = self.fleet.run(self.now, STEP_SECONDS, load)
        self._prometheus.write(write_request(samples))
        self.now += STEP_SECONDS
        found = [self._prometheus.values(query, self.now) for query in self._queries]
        return [value for values in found for value in values]
