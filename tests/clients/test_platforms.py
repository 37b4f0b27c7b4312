"""Clients of labelling tools and model platforms get what our own routes answer."""

import json
from typing import Any

import pytest

from tests.clients.asking import HERE, ask
from tests.clients.commands import DOCCANO, LABEL_STUDIO, MLFLOW, OPENAI, PRESIDIO, Command
from tests.support.server import Server

INPUTS = json.loads((HERE / "inputs.json").read_text("utf-8"))
TEXTS = [INPUTS["single"], *INPUTS["list"]]
PERSONAL = {"PER": "PERSON", "LOC": "LOCATION"}


@pytest.fixture
def given(command: Command, server: Server) -> dict[str, Any]:
    """What each case of the client's script gives."""
    return ask(command(), server.url, "none")


def own(server: Server, route: str, inputs: Any) -> Any:
    model, found = {"ner": ("names", "entities"), "classify": ("mood", "labels")}[route]
    with server.client() as client:
        body = {"model": model, "inputs": inputs, "long_text": "window"}
        results = client.post(f"/v1/{route}", json=body).json()["results"]
    return [result[found] for result in results]


def best(server: Server, inputs: Any) -> list[list[Any]]:
    return [[labels[0]["label"], labels[0]["score"]] for labels in own(server, "classify", inputs)]


@pytest.mark.parametrize("command", [OPENAI, MLFLOW])
def test_scores_are_those_of_our_own_route(given: dict[str, Any], server: Server) -> None:
    for case in ("single", "list", "pair"):
        assert given[case] == best(server, INPUTS[case]), case
    assert "no model 'none'" in given["unknown"]["error"]
    assert "the body is over" in given["long"]["error"]
    assert given.get("models", ["mood", "names"]) == ["mood", "names"]


@pytest.mark.parametrize("command", [PRESIDIO])
def test_presidio_finds_what_our_own_route_finds(given: dict[str, Any], server: Server) -> None:
    expected = [
        sorted(
            [one["start"], one["end"], PERSONAL[one["entity_group"]], one["score"]] for one in text
        )
        for text in own(server, "ner", TEXTS)
    ]
    assert given["list"] == expected
    assert given["single"] == expected[0]
    persons = [[one for one in text if one[2] == "PERSON"] for text in expected]
    assert given["persons"] == persons


@pytest.mark.parametrize("command", [DOCCANO])
def test_doccano_labels_what_our_own_route_finds(given: dict[str, Any], server: Server) -> None:
    assert given["entities"] == [
        [
            {"label": one["entity_group"], "start_offset": one["start"], "end_offset": one["end"]}
            for one in text
        ]
        for text in own(server, "ner", TEXTS)
    ]
    assert given["labels"] == [[{"label": label}] for label, _ in best(server, TEXTS)]
    assert given["pair"] == [{"label": label} for label, _ in best(server, INPUTS["pair"])]


@pytest.mark.parametrize("command", [LABEL_STUDIO])
def test_label_studio_takes_every_prediction(given: dict[str, Any], server: Server) -> None:
    first, empty, *others = given["entities"]
    assert empty == []
    assert [
        [(one["start"], one["end"], *one["labels"]) for one in text] for text in (first, *others)
    ] == [
        [(one["start"], one["end"], one["entity_group"]) for one in text]
        for text in own(server, "ner", TEXTS)
    ]
    first, empty, *others = given["labels"]
    assert empty == []
    chosen = [[label.title()] for label, _ in best(server, TEXTS)]
    assert [one["choices"] for text in (first, *others) for one in text] == chosen
