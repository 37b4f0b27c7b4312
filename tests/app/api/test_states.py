"""What operators see of models, keys and answers, in one process and in several."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.registries import corrupt
from tests.support.server import key_line, serving

KEYS = {"website": ("predict", "p-key"), "deploys": ("admin", "a-key")}


@pytest.fixture(scope="module", params=[1, 2])
def service(
    request: pytest.FixtureRequest, tiny_store: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """A service whose `mood` is damaged, whose `names` is behind, and whose `pairs` reads pairs."""
    folder = tmp_path_factory.mktemp("states")
    store, keys = folder / "store", folder / "keys"
    keys.write_text("".join(key_line(name, *rest) for name, rest in KEYS.items()))
    for name, source in (("mood", "mood"), ("names", "names"), ("pairs", "mood")):
        copy = Path(shutil.copytree(tiny_store / source / "1", store / name / "1"))
        change(copy, name=name, input="pair" if name == "pairs" else "any")
    corrupt(store / "mood" / "1")
    newer = Path(shutil.copytree(store / "names" / "1", store / "names" / "2"))
    change(newer, version=2)
    corrupt(newer)
    settings: dict[str, Any] = {"api_keys_file": keys, "workers": request.param}
    with (
        serving(store, drain_seconds=0, log_level="debug", **settings) as server,
        server.client(headers={"Authorization": "Bearer p-key"}) as client,
    ):
        yield client


def change(folder: Path, **fields: object) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def sample(client: httpx.Client, name: str, **labels: str) -> float:
    """Return the sum of the series that have these labels."""
    text = client.get("/metrics").text
    return sum(
        one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
        if one.name == f"classmark_{name}" and labels.items() <= one.labels.items()
    )


def test_a_model_that_is_down_is_503_for_its_callers_and_counted_as_theirs(
    service: httpx.Client,
) -> None:
    assert service.get("/health/ready").status_code == 200
    for body in ({"model": "mood", "inputs": "a"}, {"model": "mood", "inputs": ["a", "b"]}):
        refused = service.post("/v1/classify", json=body)
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) >= 1
        assert "mood" in refused.json()["detail"]
    assert sample(service, "requests_total", model="mood", status="503") == 2
    unknown = service.post("/v1/classify", json={"model": "nobody", "inputs": "a"})
    assert unknown.status_code == 404
    assert sample(service, "requests_total", model="nobody") == 0


def test_models_that_are_down_or_behind_are_listed_and_lasting_gauges(
    service: httpx.Client,
) -> None:
    listed = service.get("/v1/models", headers={"Authorization": "Bearer a-key"})
    mood, names, pairs = listed.json()["models"]
    assert (mood["status"], mood["version"], mood["wanted_version"]) == ("failed", None, 1)
    assert (names["status"], names["version"], names["wanted_version"]) == ("serving", 1, 2)
    assert (pairs["input"], names["input"], pairs["degraded"]) == ("pair", "any", None)
    for name, wrong in (("mood", 1), ("names", 1), ("pairs", 0)):
        assert sample(service, "model_behind", model=name) == wrong
        assert sample(service, "model_refused", model=name) == wrong
        assert sample(service, "model_degraded", model=name) == 0


def test_answers_are_counted_by_label_and_failures_apart(service: httpx.Client) -> None:
    inputs: list[Any] = [{"text": "a", "text_pair": "b"}, {"text": "c", "text_pair": "d"}, "alone"]
    body = {"model": "pairs", "inputs": inputs, "on_error": "report"}
    before = sample(service, "answers_total", model="pairs")
    *answers, alone = service.post("/v1/classify", json=body).json()["results"]
    assert sample(service, "answers_total", model="pairs") == before + 2
    best = answers[0]["labels"][0]["label"]
    assert sample(service, "answers_total", model="pairs", label=best) >= 1
    assert "the model reads pairs" in alone["error"]["detail"]
    assert sample(service, "failed_inputs_total", model="pairs", status_class="4xx") >= 1
    text = "angela merkel met john smith in paris " * 4
    found = service.post("/v1/ner", json={"inputs": text}).json()["results"][0]["entities"]
    groups = [entity["entity_group"] for entity in found]
    assert sample(service, "answers_total", model="names") == len(groups) > 0


def test_a_single_text_to_a_model_of_pairs_is_refused_with_the_remedy(
    service: httpx.Client,
) -> None:
    refused = service.post("/v1/classify", json={"model": "pairs", "inputs": ["a"]})
    assert refused.status_code == 422
    detail = refused.json()["detail"]
    assert detail.startswith("inputs.0: the model reads pairs")
    assert '{"text": …, "text_pair": …}' in detail
    pair = service.post("/v1/ner", json={"inputs": {"text": "a", "text_pair": "b"}})
    assert pair.status_code == 200, "a bundle that takes any takes both"


def test_requests_are_counted_under_the_names_of_their_keys(service: httpx.Client) -> None:
    before = sample(service, "key_requests_total", key="deploys", status_class="4xx")
    head = {"Authorization": "Bearer a-key"}
    assert service.post("/v1/ner", json={"inputs": "a"}, headers=head).status_code == 403
    assert service.post("/v1/models/none/reload").status_code == 403
    assert sample(service, "key_requests_total", key="deploys", status_class="4xx") == before + 1
    assert sample(service, "key_requests_total", key="website", status_class="4xx") >= 1
    assert sample(service, "key_requests_total", key="website", status_class="2xx") >= 1
    assert "p-key" not in service.get("/metrics").text
