"""tritonclient[http] beyond what all clients do: every way to send tensors, and its operations."""

import json
from typing import Any

import pytest

from tests.clients.asking import HERE, ask, python_of, script
from tests.support.server import Server

INPUTS = json.loads((HERE / "inputs.json").read_text("utf-8"))
LABELS = ("negative", "neutral", "positive")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def found(dialect_server: Server) -> dict[str, Any]:
    """All that the client got."""
    return ask(script(python_of("everyday"), "triton"), dialect_server.url, "-")


@pytest.fixture(scope="module")
def own(dialect_server: Server) -> list[list[dict[str, Any]]]:
    with dialect_server.client() as client:
        body = {"model": "mood", "inputs": INPUTS["list"]}
        results = client.post("/v1/classify", json=body).json()["results"]
    return [result["labels"] for result in results]


@pytest.mark.parametrize(
    "way",
    [
        "as JSON", "from JSON", "named outputs", "two dimensions", "any name", "gzip", "deflate",
        "version", "timeout", "greenlet",
    ],
)  # fmt: skip
def test_every_way_to_ask_gives_the_answers_of_our_own_route(
    found: dict[str, Any], own: list[list[dict[str, Any]]], way: str
) -> None:
    assert found[way] == own


def test_classes_have_score_index_and_label(
    found: dict[str, Any], own: list[list[dict[str, Any]]]
) -> None:
    assert found["classes"] == [
        [f"{one['score']:f}:{LABELS.index(one['label'])}:{one['label']}" for one in labels[:2]]
        for labels in own
    ]


def test_texts_come_back_as_bytes_and_an_id_as_it_was(found: dict[str, Any]) -> None:
    assert (found["kind"], found["id"]) == ("bytes", "17")


def test_models_are_described_listed_and_loaded(found: dict[str, Any]) -> None:
    assert all(found[what] is True for what in ("live", "ready", "model ready"))
    assert found["other version ready"] is False
    assert found["metadata"]["inputs"][0]["name"] == "text"
    assert found["configuration"]["max_batch_size"] == 128
    assert "binary_tensor_data" in found["extensions"]
    assert {"mood", "names"} <= {one["name"] for one in found["index"]}
    assert found["load"] is None


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("other version", "[404] version 1 of mood does not serve"),
        ("other output", "there are label, score, scores, output"),
        ("numbers", "send text"),
        ("empty text", "inputs.1: "),
        ("unload", "[409] mood serves as long as the store has it"),
    ],
)
def test_errors_reach_the_user_in_words(found: dict[str, Any], case: str, words: str) -> None:
    assert words in found[case]["error"]
