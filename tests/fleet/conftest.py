"""What every test of a fleet may use."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from benchmarks.load.arrivals import poisson
from tests.deployment.bundles import WORDS, label_of, write_bundle
from tests.fleet.chart import ChartNumbers, read_chart
from tests.fleet.haproxy import HAProxy, balancing
from tests.fleet.load import Arrivals, Load, Question, asking
from tests.fleet.services import Fleet, fleet
from tests.support.load import Call

# What follows the first version must say other things of some texts.
VERSIONS = (1, 3)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store of the test's own with the first version of `mood`."""
    store = tmp_path / "store"
    write_bundle(store, "mood", 1, "sequence-classification")
    return store


@pytest.fixture(scope="session")
def questions() -> Sequence[Question]:
    """Texts of several lengths whose labels are known without asking."""
    texts = [" ".join(words) for words in itertools.product(WORDS[4:], repeat=3)]
    return [
        Question(
            Call.post("/v1/classify", {"model": "mood", "inputs": text}),
            {version: label_of(text.split()[0], version) for version in VERSIONS},
        )
        for text in texts
    ]


@pytest.fixture(scope="session")
def chart() -> ChartNumbers:
    return read_chart()


class Scene(NamedTuple):
    """Pods behind a balancer, under load."""

    haproxy: HAProxy
    fleet: Fleet
    load: Load


Play = Callable[..., AbstractContextManager[Scene]]


@pytest.fixture
def play(store: Path, tmp_path: Path, chart: ChartNumbers, questions: Sequence[Question]) -> Play:
    """Return what starts so many pods behind HAProxy, which spreads requests over them."""

    @contextmanager
    def start(
        pods: int, *, retry: bool = False, arrivals: Arrivals = poisson, **settings: object
    ) -> Iterator[Scene]:
        with (
            balancing(tmp_path, retry=retry) as haproxy,
            fleet(store, haproxy, chart, pods, **settings) as running,
            asking(haproxy.requests_port, questions, arrivals) as load,
        ):
            load.wait_for(100)
            yield Scene(haproxy, running, load)

    return start
