"""The two inference endpoints over a real socket."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.server import Server
from tests.support.texts import random_texts


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


def ask(client: httpx.Client, route: str, **body: Any) -> Any:
    response = client.post(f"/v1/{route}", json=body)
    assert response.status_code == 200, response.text
    return response.json()


def test_a_text_is_answered_with_every_label_best_first(client: httpx.Client) -> None:
    answer = ask(client, "classify", model="mood", inputs="a great movie")
    assert (answer["model"], answer["version"]) == ("mood", 2)
    (result,) = answer["results"]
    scores = [item["score"] for item in result["labels"]]
    assert {item["label"] for item in result["labels"]} == {"negative", "neutral", "positive"}
    assert scores == sorted(scores, reverse=True)
    assert sum(scores) == pytest.approx(1, abs=1e-5)
    assert (result["tokens"], result["windows"], result["truncated"]) == (5, 1, False)


def test_results_stand_in_the_order_of_the_inputs(client: httpx.Client) -> None:
    texts = random_texts(50, seed=11)
    together = ask(client, "classify", model="mood", inputs=texts)["results"]
    alone = [ask(client, "classify", model="mood", inputs=t)["results"][0] for t in texts]
    assert [r["labels"][0]["label"] for r in together] == [r["labels"][0]["label"] for r in alone]
    for one, other in zip(together, alone, strict=True):
        assert one["labels"][0]["score"] == pytest.approx(other["labels"][0]["score"], abs=1e-4)


def test_a_text_an_object_and_a_pair_are_inputs(client: httpx.Client) -> None:
    inputs = ["a good film", {"text": "a good film"}, {"text": "a", "text_pair": "good film"}]
    plain, wrapped, pair = ask(client, "classify", model="mood", inputs=inputs)["results"]
    assert plain == wrapped
    assert pair["tokens"] == plain["tokens"] + 1


def test_top_k_and_threshold_cut_the_labels(client: httpx.Client) -> None:
    (result,) = ask(client, "classify", model="mood", inputs="a", top_k=1)["results"]
    assert len(result["labels"]) == 1
    (result,) = ask(client, "classify", model="mood", inputs="a", threshold=1.0)["results"]
    assert result["labels"] == []


def test_entities_carry_the_exact_span_of_the_text(client: httpx.Client) -> None:
    texts = random_texts(40, seed=5, longest=20)
    for strategy in ("none", "simple", "first", "average", "max"):
        answer = ask(client, "ner", inputs=texts, aggregation_strategy=strategy)
        for text, result in zip(texts, answer["results"], strict=True):
            for entity in result["entities"]:
                assert entity["word"] == text[entity["start"] : entity["end"]]


def test_entities_are_filtered_by_group(client: httpx.Client) -> None:
    texts = random_texts(40, seed=5, longest=20)
    every = ask(client, "ner", inputs=texts)["results"]
    places = ask(client, "ner", inputs=texts, labels=["LOC"])["results"]
    assert [r["entities"] for r in places] == [
        [e for e in r["entities"] if e["entity_group"] == "LOC"] for r in every
    ]


def test_a_label_the_model_lacks_is_refused_with_those_it_has(client: httpx.Client) -> None:
    response = client.post("/v1/ner", json={"inputs": "paris", "labels": ["CITY"]})
    assert response.status_code == 422
    assert "CITY" in response.json()["detail"]
    assert "LOC, PER" in response.json()["detail"]


def test_long_texts_are_cut_windowed_or_refused(client: httpx.Client) -> None:
    text = "a good film " * 100
    (cut,) = ask(client, "classify", model="mood", inputs=text)["results"]
    assert (cut["truncated"], cut["windows"]) == (True, 1)
    (whole,) = ask(client, "classify", model="mood", inputs=text, long_text="window")["results"]
    assert whole["truncated"] is False
    assert whole["windows"] > 4
    body = {"model": "mood", "inputs": text, "long_text": "error"}
    assert client.post("/v1/classify", json=body).status_code == 422


def test_windows_of_a_long_text_answer_with_offsets_into_the_whole(client: httpx.Client) -> None:
    text = " ".join(["angela merkel visited paris"] * 60)
    (result,) = ask(client, "ner", inputs=text, long_text="window")["results"]
    spans = [(e["start"], e["end"]) for e in result["entities"]]
    assert spans == sorted(set(spans))
    assert all(e["word"] == text[e["start"] : e["end"]] for e in result["entities"])


def test_the_time_of_each_stage_travels_with_the_answer(client: httpx.Client) -> None:
    response = client.post("/v1/classify", json={"model": "mood", "inputs": "a"})
    stages = [part.split(";")[0].strip() for part in response.headers["server-timing"].split(",")]
    assert stages == ["encode", "queue", "run", "decode"]


def test_a_request_id_is_echoed_or_made(client: httpx.Client) -> None:
    body = {"model": "mood", "inputs": "a"}
    given = client.post("/v1/classify", json=body, headers={"X-Request-Id": "abc-1"})
    assert given.headers["x-request-id"] == "abc-1"
    made = client.post("/v1/classify", json=body, headers={"X-Request-Id": "a b\u00e9".encode()})
    again = client.post("/v1/classify", json=body)
    ids = [answer.headers["x-request-id"] for answer in (made, again)]
    assert all(re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]+", one) for one in ids)
    assert len(set(ids)) == 2


BAD_BODIES: list[tuple[str, int, str]] = [
    ("nonsense", 400, "the body is not JSON: Expecting value at character 0; send a JSON object"),
    ("[" * 100_000, 400, "JSON"),
    ('{"inputs":"a"', 400, "not JSON"),
    ("[1]", 422, "send a JSON object"),
    ("{}", 422, "inputs: Field required; add the field"),
    ('{"inputs":[]}', 422, "send at least 1"),
    ('{"inputs":""}', 422, "send a text of at least 1 character"),
    ('{"inputs":["a",""]}', 422, "inputs.1"),
    ('{"inputs":3}', 422, "3: an input is a text or an object with `text`"),
    ('{"inputs":["a",null]}', 422, "inputs.1: an input is a text"),
    ('{"inputs":{"text":"a","pair":"b"}}', 422, "inputs.0.pair"),
    ('{"inputs":"\\ud800"}', 422, "lone surrogate; send valid Unicode"),
    ('{"inputs":"ab\\u0000c"}', 422, "NUL character at position 2; remove it"),
    ('{"inputs":"a","topk":3}', 422, "topk: 3: Extra inputs are not permitted; remove the field"),
    ('{"inputs":"a","model":"mood","top_k":0}', 422, "top_k: 0: Input should be greater than"),
    ('{"inputs":"a","model":"mood","top_k":1.5}', 422, "top_k: 1.5"),
    ('{"inputs":"a","model":"mood","threshold":2}', 422, "threshold: 2: Input should be less than"),
    ('{"inputs":"a","threshold":NaN}', 422, "threshold"),
    ('{"inputs":"a","long_text":"cut"}', 422, "'truncate', 'window' or 'error'"),
    ('{"inputs":"a","model":"nope"}', 404, "no model 'nope' serves; these do: mood, names"),
    ('{"inputs":"a","model":"names"}', 422, "does token-classification, not sequence-classific"),
]


@pytest.mark.parametrize(("body", "status", "detail"), BAD_BODIES)
def test_a_bad_body_is_answered_with_value_limit_and_remedy(
    client: httpx.Client, body: str, status: int, detail: str
) -> None:
    headers = {"content-type": "application/json"}
    response = client.post("/v1/classify", content=body.encode(), headers=headers)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert detail in problem["detail"]
    assert problem["status"] == status
    assert problem["request_id"] == response.headers["x-request-id"]


def test_bytes_that_are_no_utf_8_are_refused(client: httpx.Client) -> None:
    headers = {"content-type": "application/json"}
    response = client.post("/v1/classify", content=b'{"inputs":"\xff"}', headers=headers)
    assert response.status_code == 400
    assert "UTF-8" in response.json()["detail"]


def test_another_content_type_is_refused(client: httpx.Client) -> None:
    for headers in ({"content-type": "text/plain"}, {}):
        response = client.post("/v1/classify", content=b'{"inputs":"a"}', headers=headers)
        assert response.status_code == 415
        assert "send application/json" in response.json()["detail"]


def test_too_many_inputs_are_refused_with_the_limit(client: httpx.Client) -> None:
    response = client.post("/v1/classify", json={"model": "mood", "inputs": ["a"] * 129})
    assert response.status_code == 422
    assert "129 inputs, the limit is 128" in response.json()["detail"]


def test_a_body_over_the_limit_is_refused_before_it_is_read(client: httpx.Client) -> None:
    response = client.post("/v1/classify", json={"model": "mood", "inputs": "a" * 2_000_000})
    assert response.status_code == 413
    assert "1048576 bytes" in response.json()["detail"]


def test_an_unknown_route_and_method_are_problems_too(client: httpx.Client) -> None:
    assert client.get("/v2/nothing").json()["title"] == "Not Found"
    response = client.get("/v1/classify")
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"


def test_a_request_may_ask_for_less_time(client: httpx.Client) -> None:
    headers = {"X-Request-Timeout-Seconds": "0.000001"}
    body = {"model": "mood", "inputs": ["a good film"] * 100}
    response = client.post("/v1/classify", json=body, headers=headers)
    assert response.status_code in (429, 504)
    response = client.post("/v1/classify", json=body, headers={"X-Request-Timeout-Seconds": "-1"})
    assert response.status_code == 422
    assert "timeout" in response.json()["detail"].lower()


def test_no_text_of_a_request_reaches_the_log(server: Server, client: httpx.Client) -> None:
    secret = "hunter2secret"
    client.post("/v1/classify", json={"model": "mood", "inputs": secret})
    client.post("/v1/classify", json={"model": "mood", "inputs": [secret, 3]})
    client.post("/v1/classify", json={"model": "mood", "inputs": secret, "x": secret})
    client.get("/health/live", headers={"X-Request-Id": "last-of-these"})
    server.wait_for_log("last-of-these")
    assert not [line for line in server.log if secret in line]
