"""Clients of labelling tools and model platforms get what our own routes answer."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.clients.asking import HERE, ask, python_of, script
from tests.support.server import Server

INPUTS = json.loads((HERE / "inputs.json").read_text("utf-8"))
TEXTS = [INPUTS["single"], *INPUTS["list"]]
PERSONAL = {"PER": "PERSON", "LOC": "LOCATION"}


@pytest.fixture
def answers(server: Server) -> Callable[..., Any]:
    """Return what each case of a client's script gives."""

    def run(environment: str, client: str = "") -> Any:
        python = python_of(environment)
        return ask(script(python, f"{client or environment}_client"), server.url, "none")

    return run


def own(server: Server, route: str, inputs: Any) -> Any:
    model, found = {"ner": ("names", "entities"), "classify": ("mood", "labels")}[route]
    with server.client() as client:
        body = {"model": model, "inputs": inputs, "long_text": "window"}
        results = client.post(f"/v1/{route}", json=body).json()["results"]
    return [result[found] for result in results]


def best(server: Server, inputs: Any) -> list[list[Any]]:
    return [[labels[0]["label"], labels[0]["score"]] for labels in own(server, "classify", inputs)]


@pytest.mark.parametrize(
    ("environment", "client"),
    [
        pytest.param("everyday", "openai", marks=pytest.mark.slow),
        pytest.param("mlflow", "mlflow", marks=pytest.mark.clients),
    ],
)
def test_scores_are_those_of_our_own_route(
    answers: Any, server: Server, environment: str, client: str
) -> None:
    given = answers(environment, client)
    for case in ("single", "list", "pair"):
        assert given[case] == best(server, INPUTS[case]), case
    assert "no model 'none'" in given["unknown"]["error"]
    assert "the body is over" in given["long"]["error"]
    assert given.get("models", ["mood", "names"]) == ["mood", "names"]


@pytest.mark.clients
def test_presidio_finds_what_our_own_route_finds(answers: Any, server: Server) -> None:
    given = answers("presidio")
    expected = [
        sorted(
            [one["start"], one["end"], PERSONAL[one["entity_group"]], one["score"]] for one in text
        )
        for text in own(server, "ner", TEXTS)
    ]
    assert given["entities"] == expected
    persons = [[one for one in text if one[2] == "PERSON"] for text in expected]
    assert given["persons"] == persons


@pytest.mark.slow
def test_doccano_labels_what_our_own_route_finds(answers: Any, server: Server) -> None:
    given = answers("doccano")
    assert given["entities"] == [
        [
            {"label": one["entity_group"], "start_offset": one["start"], "end_offset": one["end"]}
            for one in text
        ]
        for text in own(server, "ner", TEXTS)
    ]
    assert given["labels"] == [[{"label": label}] for label, _ in best(server, TEXTS)]


@pytest.mark.clients
def test_label_studio_takes_every_prediction(answers: Any, server: Server) -> None:
    given = answers("label-studio", "label_studio")
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
