"""A day of the opinion monitor in short: a service, a feed with a surge, Prometheus, Alertmanager.

Time may run faster: then every duration of the rules, of the scrapes and of Alertmanager is divided
by the speed, and so are the feed's. Counts of texts are not, as the statistics are of counts.
"""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.deployment.alertmanager import alerting
from tests.deployment.files import ALERTMANAGER, ROOT
from tests.deployment.prometheus import Prometheus, running, wait_until
from tests.deployment.surge.receiver import Notification, Receiver, receiving
from tests.support.server import Server, serving

RULES = ROOT / "docker/prometheus/rules/opinions.yml"
SCRAPE_SECONDS = 5
# A scrape must end before the next, however busy the machine is.
LEAST_SCRAPE_SECONDS = 0.5
UNITS = {"s": 1000, "m": 60_000, "h": 3_600_000}
FEED_SAYS = ("surge begins", "surge ends")
# Waited for at the end, if it did not come before.
RESOLVED_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Play:
    """What is played, in minutes as if time ran as ever, and texts in a real second."""

    speed: float
    texts_per_second: float
    surge_texts_per_second: float
    topic: str = "sports"
    before: float = 60.0
    lasting: float = 10.0
    after: float = 14.0

    def real_minutes(self, minutes: float) -> float:
        return minutes / self.speed

    @property
    def minutes(self) -> float:
        return self.before + self.lasting + self.after


@dataclass(frozen=True, slots=True)
class Scene:
    """All that runs."""

    server: Server
    prometheus: Prometheus
    receiver: Receiver


@dataclass(frozen=True, slots=True)
class Outcome:
    """When it began, the surge within it, and what Alertmanager told; seconds since the epoch."""

    began: float
    surge_began: float
    surge_ended: float
    ended: float
    feed: str
    notifications: list[Notification]
    # By topic: the moments at which Prometheus had the alert firing.
    firing: dict[str, list[float]]


@contextmanager
def scene(play: Play, store: Path, folder: Path, **settings: object) -> Iterator[Scene]:
    """Run service, Prometheus and Alertmanager until the block ends."""
    (folder / RULES.name).write_text(faster(RULES.read_text(), play.speed))
    with (
        serving(store, **settings) as server,
        receiving() as receiver,
        alerting(alertmanager_config(play, receiver.url), folder) as alertmanager,
        running(prometheus_config(play, server.url, alertmanager.address), folder) as prometheus,
    ):
        yield Scene(server, prometheus, receiver)


def faster(rules: str, speed: float) -> str:
    """Divide the durations of rules; those in names, as in `increase10m`, are left."""
    return re.sub(
        r"\b(\d+)([smh])\b", lambda found: duration(_seconds(found[1], found[2]) / speed), rules
    )


def _seconds(number: str, unit: str) -> float:
    return int(number) * UNITS[unit] / 1000


def duration(seconds: float) -> str:
    return f"{max(1, round(seconds * 1000))}ms"


def alertmanager_config(play: Play, webhook: str) -> dict[str, Any]:
    """Return the configuration as shipped, but that everybody is told by one webhook."""
    config: dict[str, Any] = yaml.safe_load(faster(ALERTMANAGER.read_text(), play.speed))
    told = [{"url": webhook}]
    receivers = [one | {"webhook_configs": told} for one in config["receivers"]]
    return config | {"receivers": receivers}


def prometheus_config(play: Play, url: str, alertmanager: str) -> dict[str, Any]:
    every = duration(max(SCRAPE_SECONDS / play.speed, LEAST_SCRAPE_SECONDS))
    target = {"targets": [url.removeprefix("http://")]}
    return {
        "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
        "rule_files": [RULES.name],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]},
        "scrape_configs": [{"job_name": "classmark", "static_configs": [target]}],
    }


def perform(play: Play, on: Scene, cache: Path) -> Outcome:
    """Feed the service as played, from its beginning to its end."""
    minutes = {"--after": play.before, "--for": play.lasting, "--minutes": play.minutes}
    command = [sys.executable, "-m", "demo.feed", "--url", on.server.url, "--cache", str(cache)]
    command += ["--rate", str(play.texts_per_second), "--surge", play.topic]
    command += ["--surge-rate", str(play.surge_texts_per_second)]
    command += [part for k, v in minutes.items() for part in (k, str(play.real_minutes(v)))]
    moments: dict[str, float] = {}
    began = time.time()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        said = []
        for line in process.stderr:
            said.append(line)
            moments |= {name: time.time() for name in FEED_SAYS if name in line}
        feed = process.stdout.read().strip()
    assert process.returncode == 0, "".join(said)
    told = on.receiver.notifications
    wait_until(lambda: any(one.status == "resolved" for one in told), RESOLVED_SECONDS)
    return Outcome(
        began,
        moments["surge begins"],
        moments["surge ends"],
        time.time(),
        feed,
        list(told),
        firing(on.prometheus, time.time() - began),
    )


def firing(prometheus: Prometheus, seconds: float) -> dict[str, list[float]]:
    """Return the moments of the last seconds at which the alert was firing, by topic."""
    series = prometheus.samples(
        f'ALERTS{{alertname="ClassmarkOpinionSurge", alertstate="firing"}}[{int(seconds) + 1}s]'
    )
    return {one["metric"]["topic"]: [at for at, _ in one["values"]] for one in series}
