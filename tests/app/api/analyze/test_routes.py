"""/v1/analyze gives, of every model, what the model's own route gives; or says what is wrong."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.api.analyze.routes import EXAMPLES
from app.api.analyze.schema import AnalyzeAnswer, AnalyzeRequest
from app.api.inference.reader import parse_json
from app.main import create_app
from app.settings.settings import Settings
from tests.support.server import KEY, Server, asking, serving
from tests.support.texts import random_texts

MODELS = {"mood": "classify", "names": "ner", "nli": "classify", "rank": "classify"}
# Options of each own route that the request to several may have too.
SHARED = {
    "classify": ("inputs", "top_k", "long_text", "on_error"),
    "ner": ("inputs", "aggregation_strategy", "long_text", "on_error"),
}
LONG = "a good film and a bad plot " * 60
TEXTS = [*random_texts(20, seed=7), LONG, "angela merkel met john smith", "你好 世界"]
PAIR = {"text": "a good film", "text_pair": "a bad plot"}


@pytest.fixture(
    scope="module",
    params=[{}, {"workers": 2, "drain_seconds": 0}, {"cache_megabytes": 10}],
    ids=str,
)
def client(
    request: pytest.FixtureRequest, dialect_store: Path, dialect_server: Server
) -> Iterator[httpx.Client]:
    with asking(dialect_server, dialect_store, request.param) as client:
        yield client


def analyze(client: httpx.Client, **body: Any) -> httpx.Response:
    return client.post("/v1/analyze", json=body)


def own(client: httpx.Client, model: str, body: dict[str, Any]) -> httpx.Response:
    """Ask a model's own route the same."""
    route = MODELS[model]
    shared = {name: body[name] for name in SHARED[route] if name in body}
    return client.post(f"/v1/{route}", json={"model": model, **shared})


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"top_k": 1},
        {"long_text": "window"},
        {"aggregation_strategy": "none"},
        {"top_k": 2, "aggregation_strategy": "max", "long_text": "truncate"},
    ],
    ids=str,
)
@pytest.mark.parametrize("inputs", [TEXTS, "a good film", PAIR, [PAIR, "a"]], ids=range(4))
def test_each_model_answers_bit_for_bit_what_its_own_route_answers(
    client: httpx.Client, inputs: Any, options: dict[str, Any]
) -> None:
    body = {"inputs": inputs, **options}
    for _ in range(2):  # with a cache the second is answered by it
        answer = analyze(client, **body)
        assert answer.status_code == 200, answer.text
        AnalyzeAnswer.model_validate_json(answer.content)
        assert [one["name"] for one in answer.json()["models"]] == sorted(MODELS)
        for named in answer.json()["models"]:
            alone = own(client, named["name"], body).json()
            assert named == {"name": alone["model"], "version": alone["version"]}
            # Compared as JSON: what is equal as text is equal to the last bit.
            got = [json.dumps(result[named["name"]]) for result in answer.json()["results"]]
            assert got == [json.dumps(result) for result in alone["results"]]


def test_the_models_that_are_named_answer_in_that_order(client: httpx.Client) -> None:
    answer = analyze(client, inputs=["a", "b"], models=["names", "mood"]).json()
    assert [one["name"] for one in answer["models"]] == ["names", "mood"]
    assert [list(result) for result in answer["results"]] == [["names", "mood"]] * 2
    (only,) = analyze(client, inputs="a", models=["mood"]).json()["results"]
    assert list(only) == ["mood"]


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        ({"models": ["moods"]}, 404, "no model 'moods' serves; these do: mood, names, nli, rank"),
        ({"models": []}, 422, "models: "),
        ({"models": ["mood", "names", "mood"]}, 422, "models: mood is named twice"),
        ({"models": "mood"}, 422, "models: "),
        ({"models": ["mood"] * 65}, 422, "models: "),
        ({"inputs": []}, 422, "inputs: "),
        ({"inputs": ["a"] * 65, "models": ["mood", "names"]}, 422, "are 130, the limit is 128"),
        (
            {"inputs": ["a"] * 129, "on_error": "report"},
            422,
            "129 inputs for 4 models are 516, the limit is 128",
        ),
        ({"threshold": 0.5}, 422, "threshold"),
        ({"model": "mood"}, 422, "model"),
        ({"top_k": 0}, 422, "top_k"),
        ({"inputs": ["a", LONG], "long_text": "error"}, 422, "mood: inputs.1: "),
        ({"inputs": ["a", "a\0b"]}, 422, "inputs.1"),
    ],
)
def test_what_is_wrong_with_a_request_is_said_in_a_sentence(
    client: httpx.Client, body: dict[str, Any], status: int, detail: str
) -> None:
    refused = analyze(client, **({"inputs": "a"} | body))
    assert refused.status_code == status
    assert detail in refused.json()["detail"]
    assert refused.headers["content-type"] == "application/problem+json"


def test_a_body_that_is_no_json_is_refused(client: httpx.Client) -> None:
    assert client.post("/v1/analyze", content=b"{").status_code == 415
    head = {"content-type": "application/json"}
    assert client.post("/v1/analyze", content=b"{", headers=head).status_code == 400


def test_an_input_that_cannot_be_answered_is_reported_by_every_model_that_cannot(
    client: httpx.Client,
) -> None:
    body = {"inputs": ["a", "", LONG, PAIR], "long_text": "error", "on_error": "report"}
    answer = analyze(client, **body)
    AnalyzeAnswer.model_validate_json(answer.content)
    for model in MODELS:
        expected = own(client, model, body).json()["results"]
        assert [result[model] for result in answer.json()["results"]] == expected
        assert "error" in expected[1]


def test_where_time_went_is_said_once_for_all_models(client: httpx.Client) -> None:
    timing = analyze(client, inputs="a text of its own", models=["mood", "names"]).headers
    stages = [stage.split(";")[0] for stage in timing["server-timing"].split(", ")]
    assert stages == ["encode", "queue", "run", "decode"]


def test_the_time_that_a_caller_allows_is_that_of_all_models(client: httpx.Client) -> None:
    head = {"x-request-timeout-seconds": "0.000001"}
    late = client.post("/v1/analyze", json={"inputs": "another text"}, headers=head)
    assert late.status_code == 504


def test_where_a_request_names_no_models_the_configured_ones_answer(tiny_store: Path) -> None:
    with serving(tiny_store, analyze_models="names, mood") as server, server.client() as client:
        assert [m["name"] for m in analyze(client, inputs="a").json()["models"]] == [
            "names",
            "mood",
        ]
    with serving(tiny_store, analyze_models="names,gone") as server, server.client() as client:
        refused = analyze(client, inputs="a")
        assert refused.status_code == 404
        assert "'gone'" in refused.json()["detail"]
        assert analyze(client, inputs="a", models=["mood"]).status_code == 200


def test_a_model_of_which_no_version_serves_is_no_unknown_one(store: Path) -> None:
    broken = store / "broken" / "1"
    shutil.copytree(store / "mood" / "1", broken)
    (broken / "manifest.json").write_text("{}")
    with serving(store) as server, server.client() as client:
        refused = analyze(client, inputs="a", models=["mood", "broken"])
        assert refused.status_code == 503
        assert "no version of broken serves" in refused.json()["detail"]
        assert "retry-after" in refused.headers
        names = [one["name"] for one in analyze(client, inputs="a").json()["models"]]
        assert names == ["mood", "names"]


def test_without_any_model_a_request_is_told_to_come_back(tmp_path: Path) -> None:
    with serving(tmp_path) as server, server.client() as client:
        refused = analyze(client, inputs="a")
    assert refused.status_code == 503
    assert "no model serves; put a bundle into" in refused.json()["detail"]


def test_it_needs_a_key_that_may_predict(guarded_server: Server) -> None:
    with guarded_server.client() as client:
        assert analyze(client, inputs="a").status_code == 401
        client.headers["authorization"] = f"Bearer {KEY}"
        assert analyze(client, inputs="a").status_code == 200


def test_the_examples_of_the_openapi_page_are_what_is_taken_and_answered(tmp_path: Path) -> None:
    for example in EXAMPLES.values():
        parse_json(AnalyzeRequest, json.dumps(example["value"]).encode(), max_inputs=9)
    described = create_app(Settings(model_store=tmp_path)).openapi()["paths"]["/v1/analyze"]["post"]
    answers = described["responses"]["200"]["content"]["application/json"]["examples"]
    for example in answers.values():
        AnalyzeAnswer.model_validate(example["value"])
    assert set(described["responses"]) >= {"404", "422", "429", "503", "504"}
