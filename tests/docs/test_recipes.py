"""The recipes in docs/recipes give what our own route answers."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from jinja2 import Template

from tests.support.server import Server

RECIPES = Path(__file__).parents[2] / "docs" / "recipes"
TEXT = "angela merkel 👩‍👩‍👧 visited paris, and john smith met 北京"


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client


def load(name: str) -> ModuleType:
    module = ModuleType(name)
    sys.modules[name] = module
    exec(compile((RECIPES / f"{name}.py").read_text(), name, "exec"), module.__dict__)
    return module


def entities(client: httpx.Client, text: str) -> list[dict[str, Any]]:
    body = {"model": "names", "inputs": text, "long_text": "window"}
    found: list[dict[str, Any]] = client.post("/v1/ner", json=body).json()["results"][0]["entities"]
    assert found
    return found


def doccano(client: httpx.Client, route: str, recipe: str, model: str) -> Any:
    """Do what doccano does: put the text where the body has its placeholder alone."""
    body = json.loads((RECIPES / f"{recipe}.json").read_text())
    assert body["inputs"] == "{{ text }}"
    answer = client.post(route, json=body | {"inputs": TEXT, "model": model}).json()
    return json.loads(Template((RECIPES / f"{recipe}.jinja").read_text()).render(input=answer))


def test_doccano_gets_the_spans_of_entities(client: httpx.Client) -> None:
    assert doccano(client, "/v1/ner", "doccano_entities", "names") == [
        {"label": one["entity_group"], "start_offset": one["start"], "end_offset": one["end"]}
        for one in entities(client, TEXT)
    ]


def test_doccano_gets_the_best_label(client: httpx.Client) -> None:
    own = client.post("/v1/classify", json={"model": "mood", "inputs": TEXT, "top_k": 1}).json()
    best = own["results"][0]["labels"][0]["label"]
    assert doccano(client, "/v1/classify", "doccano_label", "mood") == [{"label": best}]


def test_spacy_has_the_entities_at_the_borders_of_its_tokens(
    client: httpx.Client, server: Server
) -> None:
    import spacy

    load("spacy_component")
    nlp = spacy.blank("en")
    nlp.add_pipe("classmark", config={"url": server.url, "model": "names"})
    alone, *piped = nlp(TEXT), *nlp.pipe([TEXT, "good"], batch_size=1)
    own = entities(client, TEXT)
    covered = [
        any(found.start_char <= one["start"] < found.end_char for found in alone.ents)
        for one in own
    ]
    assert all(covered)
    assert {found.label_ for found in alone.ents} <= {one["entity_group"] for one in own}
    assert [str(found) for found in piped[0].ents] == [str(found) for found in alone.ents]
