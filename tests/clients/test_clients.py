"""Real clients of other APIs get the answers of our own routes."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.clients.asking import HERE, ask
from tests.clients.commands import CLIENTS, Command
from tests.support.server import Server

INPUTS = json.loads((HERE / "inputs.json").read_text("utf-8"))
LABELS = ("single", "list", "pair", "async")


@pytest.fixture(scope="module")
def own(dialect_server: Server) -> Iterator[Callable[[str], Any]]:
    """Return what our own route answers to a case."""

    with dialect_server.client() as client:

        def ask_own(case: str) -> Any:
            model = {"pair": "nli", "entities": "names"}.get(case, "mood")
            inputs = INPUTS[case if case in INPUTS else "single"]
            if case == "entities":
                body = {"model": model, "inputs": inputs, "aggregation_strategy": "first"}
                results = client.post("/v1/ner", json=body).json()["results"]
                return [result["entities"] for result in results]
            answer = client.post("/v1/classify", json={"model": model, "inputs": inputs}).json()
            return [result["labels"] for result in answer["results"]]

        yield ask_own


@pytest.mark.parametrize("command", CLIENTS)
def test_answers_are_those_of_our_own_route(
    command: Command, dialect_server: Server, own: Callable[[str], Any]
) -> None:
    answers = ask(command(), dialect_server.url, "-")
    for case in (*LABELS, "entities"):
        if case in answers:
            assert answers[case] == own(case), case
    assert {"single", "list", "pair"} <= answers.keys()
