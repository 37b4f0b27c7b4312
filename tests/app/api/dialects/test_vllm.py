"""vLLM's classification requests, and what OpenAI's client reads of the models."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.app.api.dialects.conftest import check_refusal
from tests.support.server import Server

TEXTS = ["a good film", "angela 👩‍👩‍👧 visited paris", "北京你好"]
PAIR = {"text": "a good film", "text_pair": "a bad plot"}
LABELS = ["negative", "neutral", "positive"]


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


def classify(client: httpx.Client, given: Any, **options: Any) -> Any:
    answer = client.post("/classify", json={"model": "mood", "input": given, **options})
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("given", [TEXTS, TEXTS[0], PAIR, [PAIR, TEXTS[1]]], ids=str)
@pytest.mark.parametrize("activation", ["default", "none"])
def test_probabilities_are_those_of_our_own_route_in_the_order_of_the_labels(
    client: httpx.Client, given: Any, activation: str
) -> None:
    body = {"model": "mood", "inputs": given, "activation": activation}
    own = client.post("/v1/classify", json=body).json()["results"]
    answer = classify(client, given, use_activation=activation == "default")
    assert answer["object"] == "list"
    assert answer["model"] == "mood"
    assert answer["id"].startswith("classify-")
    assert answer["usage"]["prompt_tokens"] == sum(one["tokens"] for one in own)
    for index, (one, expected) in enumerate(zip(answer["data"], own, strict=True)):
        scores = {label["label"]: label["score"] for label in expected["labels"]}
        assert one == {
            "index": index,
            "label": expected["labels"][0]["label"],
            "probs": [scores[label] for label in LABELS],
            "num_classes": 3,
        }


def test_the_model_may_be_left_out_where_one_alone_classifies(client: httpx.Client) -> None:
    answer = client.post("/classify", content=json.dumps({"input": TEXTS}))
    assert answer.json()["data"] == classify(client, TEXTS)["data"]


def test_long_texts_are_cut_when_it_is_asked(client: httpx.Client) -> None:
    long = "good " * 100
    cut = classify(client, long, truncate_prompt_tokens=-1)
    assert cut["usage"]["prompt_tokens"] == 64


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"model": "nobody", "input": "a"}, 404, "no model 'nobody'"),
        ({"model": "names", "input": "a"}, 422, "use /v1/ner"),
        ({"model": "mood", "input": [101, 102]}, 422, "an input is a text"),
        ({"model": "mood", "messages": []}, 422, "input"),
        ({"model": "mood", "input": ["a", ""]}, 422, "input.1"),
        ({"model": "mood", "input": "a", "truncate_prompt_tokens": 5}, 422, "64 tokens"),
        (
            {
                "model": "mood",
                "input": "a",
                "truncate_prompt_tokens": -1,
                "truncation_side": "left",
            },
            422,
            "truncation_side",
        ),
    ],
    ids=str,
)
def test_a_request_that_cannot_be_answered_says_why(
    client: httpx.Client, body: dict[str, Any], status: int, said: str
) -> None:
    check_refusal(client.post("/classify", json=body), status, said)


def test_the_list_of_models_is_one_that_openai_reads(client: httpx.Client) -> None:
    answer = client.get("/v1/models").json()
    assert answer["object"] == "list"
    assert [one["id"] for one in answer["data"]] == ["mood", "names"]
    assert all(one["object"] == "model" and one["created"] > 0 for one in answer["data"])
    assert [one["name"] for one in answer["models"]] == ["mood", "names"]
