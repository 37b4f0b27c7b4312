"""Presidio's analyzer requests are answered with the entities of our own route."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.app.api.dialects.conftest import check_refusal
from tests.support.server import Server

NAMES = {"PER": "PERSON", "LOC": "LOCATION"}
TEXTS = [
    "angela merkel visited paris",
    "👩‍👩‍👧 john smith met angela 北京",
    "angela merkel visited paris " * 30,  # more than the model reads at a time
]


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


def expected(client: httpx.Client, **options: Any) -> list[list[dict[str, Any]]]:
    body = {"model": "names", "inputs": TEXTS, "long_text": "window", "threshold": 0, **options}
    return [
        [
            {
                "entity_type": NAMES[one["entity_group"]],
                "start": one["start"],
                "end": one["end"],
                "score": one["score"],
            }
            for one in result["entities"]
        ]
        for result in client.post("/v1/ner", json=body).json()["results"]
    ]


def analyze(client: httpx.Client, path: str = "/analyze", **body: Any) -> Any:
    answer = client.post(path, json={"language": "en", **body})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


@pytest.mark.parametrize("path", ["/analyze", "/presidio/names/analyze"])
def test_findings_are_those_of_our_own_route(client: httpx.Client, path: str) -> None:
    own = expected(client)
    assert any(own)
    assert analyze(client, path, text=TEXTS) == own
    assert [analyze(client, path, text=text) for text in TEXTS] == own


def test_what_is_asked_for_is_found_and_nothing_else(client: httpx.Client) -> None:
    found = analyze(client, text=TEXTS, entities=["PERSON", "CREDIT_CARD"])
    assert found == expected(client, labels=["PER"])
    assert analyze(client, text=TEXTS, score_threshold=0.6) == expected(client, threshold=0.6)


def test_what_can_be_found_is_listed(client: httpx.Client) -> None:
    for path in ("/supportedentities", "/presidio/names/supportedentities"):
        answer = client.get(path, params={"language": "en"})
        assert answer.json() == ["LOCATION", "PERSON"]


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("/analyze", {"text": "a", "entities": ["CREDIT_CARD"]}, 422, "LOCATION, PERSON"),
        ("/analyze", {"text": "a", "ad_hoc_recognizers": [{"name": "zip"}]}, 422, "ad_hoc"),
        ("/analyze", {"text": ""}, 422, "text"),
        ("/analyze", {}, 422, "text"),
        ("/presidio/nobody/analyze", {"text": "a"}, 404, "no model 'nobody'"),
        ("/presidio/mood/analyze", {"text": "a"}, 422, "use /v1/classify"),
    ],
    ids=str,
)
def test_a_request_that_cannot_be_answered_says_why(
    client: httpx.Client, path: str, body: dict[str, Any], status: int, said: str
) -> None:
    check_refusal(client.post(path, json={"language": "en", **body}), status, said)
