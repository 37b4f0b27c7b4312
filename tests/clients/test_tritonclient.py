"""tritonclient[http] against a running service: its answers are those of our own route."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.server import Server

HERE = Path(__file__).parent
# It brings gevent, aiohttp and a numpy of its own, 110 MB: not for the environment of the service.
PYTHON = HERE.parents[1] / "build" / "clients" / "tritonclient" / "bin" / "python"
TEXTS = ["a great movie", "\u4f60\u597d \U0001f468\u200d\U0001f469\u200d\U0001f467 bad film"]
LABELS = ("negative", "neutral", "positive")

pytestmark = pytest.mark.skipif(
    not PYTHON.exists(), reason="`make test-clients` makes the client's environment"
)


@pytest.fixture(scope="module")
def found(server: Server) -> dict[str, Any]:
    """All that the client got."""
    address = server.url.removeprefix("http://")
    command = [PYTHON, HERE / "drive_tritonclient.py", address]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    answers: dict[str, Any] = json.loads(done.stdout)
    return answers


def own(server: Server, inputs: list[Any]) -> list[list[dict[str, Any]]]:
    with server.client() as client:
        answer = client.post("/v1/classify", json={"model": "mood", "inputs": inputs}).json()
    return [result["labels"] for result in answer["results"]]


def check(rows: dict[str, Any], expected: list[list[dict[str, Any]]]) -> None:
    assert rows["label"] == [[labels[0]["label"]] for labels in expected]
    for row, labels in zip(rows["scores"], expected, strict=True):
        scores = {one["label"]: one["score"] for one in labels}
        assert row == pytest.approx([scores[label] for label in LABELS], rel=1e-6)


@pytest.mark.parametrize(
    "way",
    [
        "default", "json", "json in, binary out", "some outputs", "2-d", "any name", "gzip",
        "deflate", "version", "async", "aio",
    ],
)  # fmt: skip
def test_every_way_to_ask_gives_the_answers_of_our_own_route(
    server: Server, found: dict[str, Any], way: str
) -> None:
    check(found["infer"][way], own(server, TEXTS))


def test_pairs_batches_classes_and_options_are_answered(
    server: Server, found: dict[str, Any]
) -> None:
    answers, expected = found["infer"], own(server, TEXTS)
    pairs = [{"text": one, "text_pair": two} for one, two in zip(TEXTS, TEXTS[::-1], strict=True)]
    check(answers["pair"], own(server, pairs))
    assert len(answers["many"]["scores"]) == 100
    assert answers["top_k"]["label"] == [
        [one["label"] for one in labels[:2]] for labels in expected
    ]
    classes = [
        [f"{one['score']:f}:{LABELS.index(one['label'])}:{one['label']}" for one in labels[:2]]
        for labels in expected
    ]
    assert answers["classes"]["scores"] == classes
    assert (answers["id"], answers["kind"]) == ("17", "bytes")


def test_entities_come_as_json(server: Server, found: dict[str, Any]) -> None:
    with server.client() as client:
        results = client.post("/v1/ner", json={"inputs": TEXTS}).json()["results"]
    rows = found["infer"]["entities"]["entities"]
    assert [json.loads(row[0]) for row in rows] == [result["entities"] for result in results]


def test_models_are_described_listed_and_loaded(found: dict[str, Any]) -> None:
    told = found["describe"]
    assert all(told[what] for what in ("live", "ready", "model ready", "version ready"))
    assert told["other version ready"] is False
    assert told["metadata"]["inputs"][0]["name"] == "text"
    assert told["max_batch_size"] == 128
    assert [one["name"] for one in told["index"]] == ["mood", "names"]


def test_errors_reach_the_user_in_words(found: dict[str, Any]) -> None:
    errors = found["errors"]
    assert errors["unknown model"].startswith("404 no model 'none' serves")
    assert errors["unknown version"].startswith("404 version 1 of mood")
    assert errors["unknown output"].endswith("there are label, score, scores, output")
    assert "send text" in errors["numbers"]
    assert "inputs.1" in errors["empty text"]
    assert errors["unload"].startswith("409 ")
