"""Of a list of texts each problem names its input, and `on_error: report` spares the others."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.schemas.answers import ClassifyAnswer, FailedInput, NerAnswer
from tests.support.connection import Side, connected
from tests.support.server import Server, asking

LONG = "a good film " * 60
# What one input may be refused for: by the schema, by the tokenizer, by the long-text policy.
BAD: dict[str, Any] = {
    "empty": "",
    "number": 5,
    "null": None,
    "nul": "a\0b",
    "lone surrogate": "\ud800",
    "object without text": {"text_pair": "b"},
    "object with more": {"text": "a", "label": "b"},
    "pair of a number": {"text": "a", "text_pair": 5},
    "list": ["a"],
    "too long": LONG,
}


@pytest.fixture(
    scope="module", params=[{}, {"cache_megabytes": 10, "workers": 2, "drain_seconds": 0}], ids=str
)
def client(
    request: pytest.FixtureRequest, tiny_store: Path, server: Server
) -> Iterator[httpx.Client]:
    with asking(server, tiny_store, request.param) as client:
        yield client


def post(client: httpx.Client, route: str, inputs: Any, on_error: str) -> httpx.Response:
    model = {"classify": "mood", "ner": "names"}[route]
    body = {"model": model, "inputs": inputs, "long_text": "error", "on_error": on_error}
    head = {"Content-Type": "application/json"}
    return client.post(f"/v1/{route}", content=json.dumps(body), headers=head)


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
@pytest.mark.parametrize("route", ["classify", "ner"])
def test_an_input_that_cannot_be_answered_is_named_or_reported_in_its_place(
    client: httpx.Client, route: str, bad: Any
) -> None:
    good = ["a good film", "angela merkel met john smith"]
    refused = post(client, route, [good[0], bad, good[1]], "fail")
    assert refused.status_code == 422
    assert refused.json()["detail"].startswith("inputs.1")
    assert all(error["field"].startswith("inputs.1") for error in refused.json()["errors"])
    answer = post(client, route, [good[0], bad, good[1]], "report")
    assert answer.status_code == 200
    (ClassifyAnswer if route == "classify" else NerAnswer).model_validate_json(answer.content)
    first, between, last = answer.json()["results"]
    assert [first, last] == post(client, route, good, "fail").json()["results"]
    assert between["error"]["detail"] == refused.json()["detail"]
    assert (between["error"]["status"], between["error"]["title"]) == (422, "Invalid request")
    assert set(between) == {"error"}
    assert set(between["error"]) == {"type", "title", "status", "detail"}


def test_inputs_that_all_fail_are_reported_each_with_its_own_reason(client: httpx.Client) -> None:
    results = post(client, "classify", list(BAD.values()), "report").json()["results"]
    details = [FailedInput.model_validate(one).error.detail for one in results]
    assert [detail.split(":")[0].split(".")[:2] for detail in details] == [
        ["inputs", str(index)] for index in range(len(BAD))
    ]


def test_one_text_that_is_no_list_is_reported_too(client: httpx.Client) -> None:
    (result,) = post(client, "classify", "", "report").json()["results"]
    assert result["error"]["status"] == 422


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"inputs": [""] * 129}, "129 inputs, the limit is 128"),
        ({"inputs": []}, "at least 1 item"),
        ({"inputs": ["a", ""], "top_k": 0}, "top_k"),
        ({"inputs": ["a", ""], "modle": "mood"}, "modle"),
        ({}, "inputs"),
    ],
)
def test_what_is_wrong_with_the_request_itself_refuses_it(
    client: httpx.Client, body: dict[str, Any], detail: str
) -> None:
    body = {"model": "mood", "on_error": "report"} | body
    refused = client.post("/v1/classify", json=body)
    assert refused.status_code == 422
    assert detail in refused.json()["detail"]


async def ask(side: Side, inputs: list[str], **options: str) -> Any:
    side.send(json.dumps({"model": "mood", "inputs": inputs, **options}).encode())


@pytest.mark.anyio
async def test_an_input_that_the_model_fails_on_is_named(tiny_store: Path) -> None:
    async with connected(tiny_store) as side:
        await ask(side, [LONG, "b", "c"], long_text="window")
        pending = await side.taken()
        windows = len(pending._logits) - 2
        pending.end({windows: "poison", windows + 1: "poison too"})
        head, problem = await side.read()
        assert head.startswith(b"HTTP/1.1 500")
        assert problem["detail"] == "inputs.1: poison"


@pytest.mark.anyio
@pytest.mark.parametrize("cache_megabytes", [0, 1])
async def test_an_input_that_the_model_fails_on_is_reported_and_never_kept(
    tiny_store: Path, cache_megabytes: int
) -> None:
    async with connected(tiny_store, cache_megabytes=cache_megabytes) as side:
        for _ in range(2):
            await ask(side, ["a good film", LONG], on_error="report", long_text="window")
            pending = await side.taken()
            last = len(pending._logits) - 1
            pending.end({last: "poison"})
            _, answer = await side.read()
            good, bad = answer["results"]
            assert len(good["labels"]) == 3
            assert bad["error"] == {
                "type": "about:blank",
                "title": "Inference failed",
                "status": 500,
                "detail": "inputs.1: poison",
            }


@pytest.mark.anyio
async def test_a_text_of_no_token_is_named_and_never_queued(
    tiny_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(tiny_store) as side:
        tokenizer = side.service.registry.resolve("mood", "sequence-classification").tokenizer
        monkeypatch.setattr(tokenizer, "_words", None)
        tokenizer._tokenizer.post_processor = tokenizers_nothing()
        await ask(side, ["a", "\u200b"])
        head, problem = await side.read()
        assert head.startswith(b"HTTP/1.1 422")
        assert problem["detail"].startswith("inputs.1: the text has no token")
        assert side.runner.taken.empty()


def tokenizers_nothing() -> Any:
    """Return a post-processor that adds no special token."""
    from tokenizers.processors import TemplateProcessing

    return TemplateProcessing(single="$A", pair="$A $B:1", special_tokens=[])
