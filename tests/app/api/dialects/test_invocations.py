"""SageMaker's, Vertex AI's and MLflow's requests are answered in the shapes they expect."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.api.dialects.invocations.routes import read
from app.api.dialects.registry import make_routes
from app.settings import Settings
from tests.app.api.dialects.conftest import check_refusal
from tests.support.server import Server, serving

GOOD, EMOJI, CHINESE = "a good film", "angela merkel 👩‍👩‍👧 visited paris", "北京你好"
TEXTS = [GOOD, EMOJI, CHINESE]
PAIR = {"text": GOOD, "text_pair": "a bad plot"}


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


def labels(client: httpx.Client, inputs: Any) -> list[list[dict[str, Any]]]:
    """Return our own route's answer."""
    answer = client.post("/v1/classify", json={"model": "mood", "inputs": inputs})
    return [one["labels"] for one in answer.json()["results"]]


def entities(client: httpx.Client, inputs: Any, strategy: str) -> list[list[dict[str, Any]]]:
    body = {"model": "names", "inputs": inputs, "aggregation_strategy": strategy, "threshold": 0}
    return [one["entities"] for one in client.post("/v1/ner", json=body).json()["results"]]


def invoke(client: httpx.Client, body: dict[str, Any], model: str = "mood", **more: Any) -> Any:
    answer = client.post("/invocations", json={**body, "parameters": {"model": model, **more}})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def test_text_classification_has_the_shapes_of_the_pipeline(client: httpx.Client) -> None:
    own, (pair,) = labels(client, TEXTS), labels(client, PAIR)
    best = [one[0] for one in own]
    assert invoke(client, {"inputs": GOOD}) == [best[0]]
    assert invoke(client, {"inputs": TEXTS}) == best
    assert invoke(client, {"inputs": [GOOD]}) == [best[0]]
    assert invoke(client, {"inputs": PAIR}) == pair[0]
    assert invoke(client, {"inputs": [PAIR, GOOD]}) == [pair[0], best[0]]
    assert invoke(client, {"inputs": GOOD}, top_k=2) == own[0][:2]
    assert invoke(client, {"inputs": TEXTS}, top_k=2) == [one[:2] for one in own]
    assert invoke(client, {"inputs": GOOD}, top_k=None) == own[0]
    assert invoke(client, {"inputs": GOOD}, return_all_scores=True) == [own[0]]
    assert invoke(client, {"inputs": TEXTS}, return_all_scores=True) == own


def test_the_shapes_are_those_of_transformers_itself(client: httpx.Client, tmp_path: Path) -> None:
    from transformers import pipeline

    from tests.support.tiny import SEQUENCE_LABELS, make_checkpoint

    pipe = pipeline("text-classification", model=str(make_checkpoint(tmp_path / "c", seed=2)))
    assert set(pipe.model.config.label2id) == set(SEQUENCE_LABELS)
    inputs: list[Any] = [GOOD, [GOOD], TEXTS, PAIR, [PAIR]]
    options: list[dict[str, Any]] = [{}, {"top_k": 2}, {"top_k": 1}, {"top_k": None}]
    for given in inputs:
        for option in options:
            expected = pipe(given, **option)
            assert invoke(client, {"inputs": given}, **option) == approximately(expected)


def approximately(value: Any) -> Any:
    if isinstance(value, list):
        return [approximately(one) for one in value]
    return {"label": value["label"], "score": pytest.approx(value["score"], abs=1e-3)}


def test_tagged_texts_nest_as_transformers_has_them(client: httpx.Client, tmp_path: Path) -> None:
    from transformers import pipeline

    from tests.support.tiny import TOKEN_LABELS, make_checkpoint

    pipe = pipeline(
        "token-classification", model=str(make_checkpoint(tmp_path / "c", TOKEN_LABELS))
    )
    places = ("entity", "entity_group", "start", "end")

    def without_words(value: Any) -> Any:
        if isinstance(value, list):
            return [without_words(one) for one in value]
        return {name: value[name] for name in places if name in value}

    for given in ("angela merkel", ["angela merkel"], ["angela merkel", "paris"]):
        for option in ({}, {"aggregation_strategy": "simple"}):
            expected = without_words(pipe(given, **option))
            assert without_words(invoke(client, {"inputs": given}, "names", **option)) == expected


def test_zero_shot_is_answered_as_its_pipeline_does(dialect_server: Server) -> None:
    with dialect_server.client() as client:
        asked = {"candidate_labels": ["film", "bank"]}
        alone = invoke(client, {"inputs": GOOD}, "nli", **asked)
        several = invoke(client, {"inputs": [GOOD, EMOJI]}, "nli", **asked)
        predicted = invoke(client, {"instances": [GOOD, EMOJI]}, "nli", **asked)
    assert alone == several[0]
    assert (alone["sequence"], sorted(alone["labels"])) == (GOOD, ["bank", "film"])
    assert alone["scores"] == sorted(alone["scores"], reverse=True)
    assert predicted == {"predictions": several}


def test_tokens_are_not_joined_unless_it_is_asked(client: httpx.Client) -> None:
    tags = entities(client, TEXTS, "none")
    assert any(tags)
    for one in (one for text in tags for one in text):
        one["entity"] = one.pop("entity_group")
    groups = entities(client, TEXTS, "simple")
    assert invoke(client, {"inputs": TEXTS}, "names") == tags
    assert invoke(client, {"inputs": EMOJI}, "names") == tags[1]
    assert invoke(client, {"inputs": TEXTS}, "names", aggregation_strategy="simple") == groups
    ignored = {"aggregation_strategy": "simple", "ignore_labels": ["O", "PER"]}
    kept = [[one for one in text if one["entity_group"] != "PER"] for text in groups]
    assert invoke(client, {"inputs": TEXTS}, "names", **ignored) == kept


@pytest.mark.parametrize(
    "body",
    [
        {"instances": TEXTS},
        {"instances": [{"inputs": text} for text in TEXTS]},
        {"instances": [{"text": text} for text in TEXTS]},
        {"dataframe_records": [{"id": n, "text": text} for n, text in enumerate(TEXTS)]},
        {"dataframe_records": [{"id": n, "review": text} for n, text in enumerate(TEXTS)]},
        {"dataframe_split": {"columns": ["text"], "data": [[text] for text in TEXTS]}},
        {"dataframe_split": {"columns": [0, 1], "data": [[7, text] for text in TEXTS]}},
        {
            "dataframe_split": {
                "index": [0, 1, 2],
                "columns": ["title", "text"],
                "data": [["a title", text] for text in TEXTS],
            }
        },
    ],
    ids=str,
)
def test_instances_and_tables_are_answered_as_predictions(
    client: httpx.Client, body: dict[str, Any]
) -> None:
    own = labels(client, TEXTS)
    assert invoke(client, body) == {"predictions": [one[0] for one in own]}
    assert invoke(client, body, top_k=2) == {"predictions": [one[:2] for one in own]}
    assert invoke(client, body, "names") == {
        "predictions": invoke(client, {"inputs": TEXTS}, "names")
    }


def test_a_table_may_have_pairs(client: httpx.Client) -> None:
    (pair,) = labels(client, PAIR)
    frame = {"columns": ["text", "text_pair"], "data": [list(PAIR.values())]}
    assert invoke(client, {"dataframe_split": frame}) == {"predictions": [pair[0]]}


def test_mlflow_is_known_by_the_name_of_its_arguments(client: httpx.Client) -> None:
    for name in ("instances", "inputs"):  # the latter is how its client sends an array
        body = {name: [GOOD], "params": {"model": "mood", "top_k": 3}}
        own = labels(client, GOOD)
        assert client.post("/invocations", json=body).json() == {"predictions": own}


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({}, 422, "nothing to read"),
        ({"inputs": GOOD, "instances": [GOOD]}, 422, "inputs and instances"),
        ({"inputs": ["a", ""]}, 422, "inputs.1"),
        ({"inputs": GOOD, "parameters": {"model": "x"}}, 404, "no model 'x'"),
        ({"inputs": GOOD}, 422, "`model` may be left out"),
        ({"dataframe_split": [1]}, 422, "inputs.0"),
        ({"dataframe_split": {"columns": ["a"]}}, 422, "a table is"),
        ({"dataframe_records": [{"id": 7}], "params": {"model": "mood"}}, 422, "inputs.0"),
        ({"inputs": GOOD, "parameters": {"model": "mood", "top_k": 0}}, 422, "top_k"),
        (
            {"inputs": "a " * 100, "parameters": {"model": "mood", "long_text": "error"}},
            422,
            "tokens",
        ),
    ],
    ids=str,
)
def test_a_request_that_cannot_be_answered_says_why(
    client: httpx.Client, body: dict[str, Any], status: int, said: str
) -> None:
    check_refusal(client.post("/invocations", json=body), status, said)


def test_a_body_that_is_not_json_is_refused(client: httpx.Client) -> None:
    answer = client.post("/invocations", content=b"text\na", headers={"content-type": "text/csv"})
    assert answer.status_code == 400


def test_ping_and_version_are_answered(client: httpx.Client) -> None:
    from app import __version__

    assert client.get("/ping").status_code == 200
    assert client.get("/version").text == __version__


def test_vertex_is_answered_where_its_variables_say(
    tiny_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predict = "/v1/endpoints/7/deployedModels/4:predict"
    monkeypatch.setenv("AIP_HTTP_PORT", "1")  # the port of the test's own settings counts more
    monkeypatch.setenv("AIP_PREDICT_ROUTE", predict)
    monkeypatch.setenv("AIP_HEALTH_ROUTE", "/alive")
    with serving(tiny_store) as server, server.client() as client:
        assert client.get("/alive").status_code == 200
        body = {"instances": TEXTS, "parameters": {"model": "mood"}}
        own = labels(client, TEXTS)
        assert client.post(predict, json=body).json() == {"predictions": [one[0] for one in own]}


def test_the_path_that_vertex_names_counts_more_than_what_has_it_otherwise() -> None:
    settings = Settings(predict_route="/classify", health_route="/health")
    found = make_routes(settings).find(b"/classify")
    assert found is not None
    assert found.route.read is read
    without = make_routes(Settings(predict_route="/elsewhere", dialects="vllm"))
    assert without.find(b"/elsewhere") is None
