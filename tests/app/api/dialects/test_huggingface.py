"""The Hugging Face Inference API: by its real client, and by requests as others send them."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError

from app.api.inference.exchange import HOLD_SECONDS
from app.engine.answers.decoding import softmax
from app.errors import NotReady
from tests.app.api.dialects.conftest import Own
from tests.support.connection import connected
from tests.support.server import KEY, Server

ENTITY = ("entity_group", "score", "word", "start", "end")
TEXTS = ["a great movie", "paris is good 👩‍👩‍👧 你好 london", "x " * 300]


def plain(elements: Any) -> list[dict[str, Any]]:
    return [{"label": one.label, "score": one.score} for one in elements]


@pytest.mark.parametrize("text", TEXTS)
def test_the_real_client_gets_the_labels_of_our_own_route(
    dialect_server: Server, own: Own, text: str
) -> None:
    real = InferenceClient(f"{dialect_server.url}/models/mood")
    assert plain(real.text_classification(text)) == own("mood", text)[0]
    assert plain(real.text_classification(text, top_k=2)) == own("mood", text, top_k=2)[0]
    asked: Any
    for asked in ("none", "sigmoid", "softmax"):
        answer = real.text_classification(text, function_to_apply=asked)
        assert plain(answer) == own("mood", text, activation=asked)[0]


@pytest.mark.parametrize("text", TEXTS)
def test_the_real_client_gets_the_entities_of_our_own_route(
    dialect_server: Server, own: Own, text: str
) -> None:
    real = InferenceClient(f"{dialect_server.url}/models/names")
    for strategy in ("simple", "first", "average", "max"):
        found = real.token_classification(text, aggregation_strategy=strategy)  # type: ignore[arg-type]
        kept = [
            {key: one[key] for key in ("entity_group", "score", "word", "start", "end")}
            for one in found
        ]
        assert kept == own("names", text, aggregation_strategy=strategy)[0]


def post(client: httpx.Client, path: str, inputs: Any, **parameters: Any) -> Any:
    response = client.post(path, json={"inputs": inputs, "parameters": parameters})
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    return response.json()


def test_labels_are_a_list_per_text_even_for_one_text(client: httpx.Client, own: Own) -> None:
    assert post(client, "/models/mood", TEXTS[0]) == own("mood", TEXTS[0])
    assert post(client, "/models/mood", TEXTS) == own("mood", TEXTS)
    assert post(client, "/models/mood/", TEXTS) == own("mood", TEXTS)


def test_entities_of_one_text_stand_alone_and_of_several_in_lists(
    client: httpx.Client, own: Own
) -> None:
    alone, several = own("names", TEXTS[1])[0], own("names", TEXTS)
    assert alone
    assert post(client, "/models/names", TEXTS[1]) == alone
    assert post(client, "/models/names", TEXTS) == several


def test_tags_that_are_not_joined_are_named_twice_because_clients_insist_on_both(
    client: httpx.Client, own: Own
) -> None:
    found = post(client, "/models/names", TEXTS[1], aggregation_strategy="none")
    expected = own("names", TEXTS[1], aggregation_strategy="none")[0]
    assert found == [{"entity": one["entity_group"], **one} for one in expected]


def test_groups_to_ignore_are_left_out_and_tokens_outside_cannot_be_had(
    client: httpx.Client, own: Own
) -> None:
    entities = own("names", TEXTS[1])[0]
    group = entities[0]["entity_group"]
    found = post(client, "/models/names", TEXTS[1], ignore_labels=["O", group])
    assert found == [one for one in entities if one["entity_group"] != group]
    body = {"inputs": TEXTS[1], "parameters": {"ignore_labels": []}}
    response = client.post("/models/names", json=body)
    assert response.status_code == 422
    assert "add 'O'" in response.json()["error"]


def test_a_stride_reads_long_texts_in_windows(client: httpx.Client, own: Own) -> None:
    text = "smith met paris " * 60
    assert (
        post(client, "/models/names", text, stride=16) == own("names", text, long_text="window")[0]
    )


def test_pairs_come_in_the_form_of_pipelines(client: httpx.Client, own: Own) -> None:
    pair = {"text": "a good film", "text_pair": "she said"}
    assert post(client, "/models/nli", pair) == own("nli", pair)
    assert post(client, "/models/nli", [pair, pair]) == own("nli", [pair, pair])


def zero_shot(own: Own, text: str, labels: list[str], *, together: bool) -> list[dict[str, Any]]:
    """Compute from logits what transformers' pipeline makes of them."""
    rows = []
    for label in labels:
        pair = {"text": text, "text_pair": f"This example is {label}."}
        logits = {one["label"]: one["score"] for one in own("nli", pair, activation="none")[0]}
        rows.append([logits["entailment"], logits["contradiction"]])
    values = np.array(rows)
    scores = softmax(values)[:, 0] if together else softmax(values[:, 0])
    ranked = sorted(zip(scores.tolist(), labels, strict=True), reverse=True)
    return [{"label": label, "score": pytest.approx(score, abs=1e-5)} for score, label in ranked]


@pytest.mark.parametrize("together", [False, True])
def test_candidate_labels_are_scored_by_entailment_as_the_client_reads_them(
    client: httpx.Client, own: Own, together: bool
) -> None:
    labels = ["film", "bank", "match"]
    expected = zero_shot(own, TEXTS[0], labels, together=together)
    options = {"candidate_labels": labels, "multi_label": together}
    assert post(client, "/models/nli", TEXTS[0], **options) == expected
    assert post(client, "/models/nli", [TEXTS[0]], **options) == [expected]
    old = client.post(
        "/models/nli",
        json={"inputs": TEXTS[0], "parameters": options},
        headers={"user-agent": "unknown/None; hf_hub/0.36.2"},
    ).json()
    assert old["labels"] == [one["label"] for one in expected]
    assert old["sequence"] == TEXTS[0]


def test_the_client_of_this_environment_reads_zero_shot_answers(dialect_server: Server) -> None:
    real = InferenceClient(f"{dialect_server.url}/models/nli")
    answer = real.zero_shot_classification(TEXTS[0], ["film", "bank"])
    assert {one.label for one in answer} == {"film", "bank"}
    assert sum(one.score for one in answer) == pytest.approx(1, abs=1e-5)


def test_a_model_without_entailment_refuses_candidate_labels(client: httpx.Client) -> None:
    body = {"inputs": TEXTS[0], "parameters": {"candidate_labels": ["film"]}}
    response = client.post("/models/mood", json=body)
    assert response.status_code == 422
    assert "needs a model with a label `entailment`" in response.json()["error"]


@pytest.mark.parametrize("headers", [{}, {"content-type": "text/plain"}])
def test_the_content_type_does_not_matter(
    client: httpx.Client, own: Own, headers: dict[str, str]
) -> None:
    response = client.post("/models/mood", content=b'{"inputs": "a"}', headers=headers)
    assert response.json() == own("mood", "a")


def test_errors_stand_where_clients_look_for_them(
    dialect_server: Server, client: httpx.Client
) -> None:
    for path, body, status in (
        ("/models/none", {"inputs": "a"}, 404),
        ("/models/mood", {"inputs": ""}, 422),
        ("/models/mood", {"inputs": ["a"] * 200}, 422),
        ("/models/mood", {}, 422),
        ("/", {"inputs": "a"}, 422),  # several models serve
        ("/models/none/health", None, 404),
    ):
        response = client.post(path, json=body) if body is not None else client.get(path)
        assert response.status_code == status, response.text
        assert response.headers["content-type"] == "application/json"
        assert response.json()["error"] == response.json()["detail"]
    with pytest.raises(HfHubHTTPError, match="mood, names"):
        InferenceClient(f"{dialect_server.url}/models/none").text_classification("a")


def test_the_route_is_counted_by_its_template(client: httpx.Client) -> None:
    post(client, "/models/mood", "a")
    labels = 'model="mood",route="/models/{name}",status="200",version="2"'
    assert f"classmark_requests_total{{{labels}}}" in client.get("/metrics").text


def test_a_key_opens_it_as_bearer_and_as_password(guarded_server: Server) -> None:
    real = InferenceClient(f"{guarded_server.url}/models/mood", token=KEY)
    assert len(real.text_classification("a")) == 3
    with guarded_server.client() as client:
        for auth, status in ((("anybody", KEY), 200), (("anybody", "wrong"), 401), (None, 401)):
            response = client.post("/models/mood", json={"inputs": "a"}, auth=auth)
            assert response.status_code == status
        assert "needs an API key" in response.json()["error"]


@pytest.mark.anyio
async def test_that_nothing_serves_yet_is_said_late_to_clients_that_ask_again_at_once(
    tiny_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(tiny_store) as side:
        delays: list[float] = []
        loop = asyncio.get_running_loop()
        call_later = loop.call_later

        def note(delay: float, call: Callable[..., Any], *args: Any) -> asyncio.TimerHandle:
            delays.append(delay)
            return call_later(0 if delay == HOLD_SECONDS else delay, call, *args)

        def unready(*_: object) -> None:
            raise NotReady("the engine is away; retry in a moment")

        monkeypatch.setattr(side.runner, "check_admission", unready)
        monkeypatch.setattr(loop, "call_later", note)
        side.send(b'{"inputs": "a"}', path="/models/mood")
        head, answer = await side.read()
        assert head.startswith(b"HTTP/1.1 503 ")
        assert answer["error"].startswith("the engine is away")
        assert HOLD_SECONDS in delays
