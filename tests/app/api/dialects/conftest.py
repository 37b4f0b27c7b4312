"""Our own routes, which every other API's answer is held against."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.support.server import Server

Own = Callable[..., Any]


def check_refusal(answer: httpx.Response, status: int, said: str) -> None:
    """Check that a request was refused with a status, and a sentence that holds the words."""
    assert answer.status_code == status
    assert said in answer.json()["error"]


@pytest.fixture(scope="session")
def client(dialect_server: Server) -> Iterator[httpx.Client]:
    with dialect_server.client() as client:
        yield client


@pytest.fixture(scope="session")
def own(client: httpx.Client) -> Own:
    """Ask our own routes: what every other API's answer is held against."""

    def ask(model: str, inputs: Any, **options: Any) -> Any:
        route, found = ("ner", "entities") if model == "names" else ("classify", "labels")
        response = client.post(f"/v1/{route}", json={"model": model, "inputs": inputs, **options})
        assert response.status_code == 200, response.text
        return [result[found] for result in response.json()["results"]]

    return ask
