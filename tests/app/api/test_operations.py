"""Models, reload, health, metrics and the OpenAPI page, over a real socket."""

import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.server import Server, serving
from tests.support.tiny import make_checkpoint


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


def test_models_are_listed_with_what_serves_them(client: httpx.Client) -> None:
    mood, names = client.get("/v1/models").json()["models"]
    assert (mood["name"], mood["status"], mood["version"]) == ("mood", "serving", 2)
    assert mood["versions"] == [2, 1]
    assert (mood["precision"], mood["provider"]) == ("fp32", "CPUExecutionProvider")
    assert mood["execution"] == {"kind": "padded", "reason": None}
    assert mood["batch_invariant"] is True
    assert mood["agreement"] == 1.0
    assert names["labels"] == ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]


def test_one_model_is_described_and_an_unknown_one_lists_the_others(client: httpx.Client) -> None:
    assert client.get("/v1/models/mood").json()["task"] == "sequence-classification"
    missing = client.get("/v1/models/none")
    assert missing.status_code == 404
    assert "mood, names" in missing.json()["detail"]


def test_health_tells_live_ready_and_started_apart(client: httpx.Client) -> None:
    for probe in ("live", "ready", "startup"):
        response = client.get(f"/health/{probe}")
        assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_an_empty_store_is_live_but_not_ready_until_a_model_appears(
    tiny_store: Path, tmp_path: Path
) -> None:
    with serving(tmp_path) as server, server.client() as client:
        assert client.get("/health/live").status_code == 200
        ready = client.get("/health/ready")
        assert ready.status_code == 503
        assert "no model serves" in ready.json()["reason"]
        shutil.copytree(tiny_store / "mood" / "1", tmp_path / "mood" / "1")
        server.wait_for_log("model swapped", seconds=30)
        assert client.get("/health/ready").status_code == 200


@pytest.mark.parametrize("place", ["foreign", "foreign/1"])
def test_a_checkpoint_in_the_store_is_named_as_the_reason_why_its_model_is_down(
    tmp_path: Path, place: str
) -> None:
    checkpoint = make_checkpoint(tmp_path / place)
    with serving(tmp_path) as server, server.client() as client:
        server.wait_for_log("version refused", seconds=30)
        (model,) = client.get("/v1/models").json()["models"]
        assert (model["name"], model["status"]) == ("foreign", "failed")
        assert f"{checkpoint} is a Hugging Face checkpoint" in model["last_failure"]["reason"]
        assert "classmark export CHECKPOINT --name foreign" in model["last_failure"]["reason"]


def test_metrics_count_requests_by_route_model_version_and_status(client: httpx.Client) -> None:
    client.post("/v1/classify", json={"model": "mood", "inputs": "a"})
    client.post("/v1/classify", json={"model": "mood", "inputs": ""})
    text = client.get("/metrics").text
    for status, version in (("200", "2"), ("422", "")):
        labels = f'model="mood",route="/v1/classify",status="{status}",version="{version}"'
        assert re.search(rf"requests_total\{{{labels}\}} \d", text)
        labels = labels.replace(f'status="{status}"', f'status_class="{status[0]}xx"')
        assert re.search(rf"request_seconds_count\{{{labels}\}} \d", text)
    assert re.search(r'classmark_rejections_total\{reason="invalid"\} [1-9]', text)
    assert "classmark_ready 1.0" in text
    assert 'classmark_executors{state="stuck"} 0.0' in text


def test_a_route_that_does_not_exist_adds_no_label(client: httpx.Client) -> None:
    client.get("/v1/something/made-up")
    text = client.get("/metrics").text
    assert "made-up" not in text
    assert 'route="unrouted"' in text


def test_the_openapi_page_needs_no_other_host(client: httpx.Client) -> None:
    page = client.get("/docs").text
    assert "https://" not in page
    for address in re.findall(r'(?:src|href)="([^"]+)"', page):
        assert client.get(address).status_code == 200


def test_the_openapi_description_has_worked_examples_and_every_error(
    client: httpx.Client,
) -> None:
    description = client.get("/openapi.json").json()
    for route in ("/v1/classify", "/v1/ner"):
        post = description["paths"][route]["post"]
        assert post["requestBody"]["content"]["application/json"]["examples"]
        assert post["responses"]["200"]["content"]["application/json"]["examples"]
        errors = {"400", "401", "403", "404", "413", "415", "422", "429", "500", "503", "504"}
        assert errors <= set(post["responses"])


def test_a_reload_pins_and_unpins_over_http(tiny_store: Path, store: Path) -> None:
    shutil.copytree(tiny_store / "mood" / "2", store / "mood" / "2")
    with serving(store) as server, server.client() as client:
        pinned = client.post("/v1/models/mood/reload", json={"version": 1})
        assert (pinned.status_code, pinned.json()["version"]) == (200, 1)
        newest = client.post("/v1/models/mood/reload")
        assert (newest.status_code, newest.json()["version"]) == (200, 2)
        unknown = client.post("/v1/models/mood/reload", json={"version": 9})
        assert unknown.status_code == 404
        assert "the store has: 2, 1" in unknown.json()["detail"]
        invalid = client.post("/v1/models/mood/reload", json={"version": 0})
        assert invalid.status_code == 422


def test_a_reload_that_fails_says_why_and_changes_nothing(tiny_store: Path, store: Path) -> None:
    with serving(store, watch=False) as server, server.client() as client:
        folder = Path(shutil.copytree(tiny_store / "mood" / "2", store / "mood" / "2"))
        (folder / "model.fp32.onnx").write_bytes(
            b"\0" * (folder / "model.fp32.onnx").stat().st_size
        )
        refused = client.post("/v1/models/mood/reload", json={"version": 2})
        assert refused.status_code == 409
        assert "sha256" in refused.json()["detail"]
        assert "Version 1 still serves" in refused.json()["detail"]
        status = client.get("/v1/models/mood").json()
        assert status["version"] == 1
        assert status["last_failure"]["version"] == 2


def test_a_hangup_signal_rescans_the_store(tiny_store: Path, store: Path) -> None:
    import signal

    with serving(store, watch=False) as server, server.client() as client:
        shutil.copytree(tiny_store / "mood" / "2", store / "mood" / "2")
        assert client.get("/v1/models/mood").json()["version"] == 1
        server.process.send_signal(signal.SIGHUP)
        server.wait_for_log("swapped.*version=2", seconds=30)
        assert client.get("/v1/models/mood").json()["version"] == 2


def test_draining_still_answers_and_asks_clients_to_leave(store: Path) -> None:
    import signal

    with serving(store, drain_seconds=3) as server, server.client() as client:
        client.get("/health/live")
        server.process.send_signal(signal.SIGTERM)
        server.wait_for_log("draining")
        answer = client.post("/v1/classify", json={"model": "mood", "inputs": "a"})
        assert answer.status_code == 200
        assert answer.headers["connection"] == "close"
        assert client.get("/health/ready").status_code == 503
        started = time.monotonic()
        assert server.process.wait(30) == 0
        assert time.monotonic() - started < 30


@pytest.mark.parametrize("workers", [1, 2])
def test_a_version_that_was_replaced_is_freed_though_no_other_request_comes(
    tiny_store: Path, store: Path, workers: int
) -> None:
    with serving(store, workers=workers, watch=False) as server, server.client() as client:
        body = {"model": "mood", "inputs": ["a good film"] * 40}
        assert client.post("/v1/classify", json=body).json()["version"] == 1
        shutil.copytree(tiny_store / "mood" / "2", store / "mood" / "2")
        assert client.post("/v1/models/mood/reload").json()["version"] == 2
        server.wait_for_log(r"model closed model=mood version=1", seconds=10)
