"""The rules over loaded services: real services, a real Prometheus, real requests."""

import shutil
from collections.abc import Iterator

import httpx
import pytest

from tests.deployment.files import rules
from tests.deployment.history import Past, write_history
from tests.deployment.loaded import Loaded, loaded_services, publish
from tests.deployment.prometheus import Prometheus, scraping, wait_until

DEADLINE_SECONDS = 90
MODEL = 'model="sentiment",version="2"'
# A day in which the version read and said what it does now.
HISTORY = {
    f'classmark:answers:increase1h{{{MODEL},label="negative"}}': Past(500),
    f'classmark:answers:increase1h{{{MODEL},label="positive"}}': Past(500),
    f"classmark:answer_score:increase1h{{{MODEL}}}": Past(1000),
    f"classmark:low_confidence:increase1h{{{MODEL}}}": Past(500),
    f"classmark:input_tokens:increase1h{{{MODEL}}}": Past(16_000),
    f"classmark:unknown_tokens:increase1h{{{MODEL}}}": Past(8000),
    # All but all were negative: no share of today is a surge against that.
    'classmark_opinions_total{topic="positive",sentiment="negative"}': Past(0, 99),
    'classmark_opinions_total{topic="positive",sentiment="positive"}': Past(0, 1),
}
# Sooner or later: one service is never ready, and the machine that runs the tests may be slow.
MAY_FIRE = {
    *("ClassmarkNotReady", "ClassmarkQueueWait"),
    *("ClassmarkLatencyBurnsFast", "ClassmarkLatencyBurnsSlowly"),
}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus is not installed"),
]


def send_an_hour(client: httpx.Client) -> None:
    """Send as many texts, and tokens, as an hour must have to be judged."""
    texts = ["good film " * 4 + "unheard of " * 4] * 128
    for _ in range(8):
        answer = client.post("/v1/classify", json={"model": "sentiment", "inputs": texts})
        assert answer.status_code == 200, answer.text
    words = ["good", "bad", "film", "Paris"]
    assert client.post("/v1/analyze", json={"inputs": words}).status_code == 200


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Loaded, Prometheus]]:
    folder = tmp_path_factory.mktemp("prometheus")
    write_history(folder, HISTORY)
    with (
        loaded_services(tmp_path_factory.mktemp("services")) as loaded,
        scraping(*loaded.addresses, folder=folder) as prometheus,
    ):
        yield loaded, prometheus


def test_every_rule_is_evaluated_and_every_recording_returns_data(
    watched: tuple[Loaded, Prometheus],
) -> None:
    loaded, prometheus = watched
    missing = {rule["record"] for rule in rules("record")}
    with loaded.servers[1].client() as client:

        def none_is_missing() -> bool:
            loaded.send()
            send_an_hour(client)
            missing.difference_update([name for name in missing if prometheus.values(name)])
            return not missing

        wait_until(none_is_missing, DEADLINE_SECONDS)
    assert missing == set()
    health = {rule["name"]: rule["health"] for rule in prometheus.rules()}
    named = [rule["alert"] for rule in rules("alert")] + [
        rule["record"] for rule in rules("record")
    ]
    assert health == dict.fromkeys(named, "ok")


def test_what_is_wrong_fires_and_nothing_else(watched: tuple[Loaded, Prometheus]) -> None:
    """A version is damaged, a front end was killed, and of three services one answers nobody."""
    loaded, prometheus = watched
    publish(loaded.store, "sentiment", 3, damaged=True)
    wrong = {"ClassmarkReloadFailed", "ClassmarkProcessRestarted"}
    wrong |= {"ClassmarkAvailabilityBurnsFast", "ClassmarkAvailabilityBurnsSlowly"}

    def all_fire() -> bool:
        loaded.send()
        return wrong <= prometheus.firing()

    wait_until(all_fire, DEADLINE_SECONDS)
    assert prometheus.firing() - MAY_FIRE == wrong
