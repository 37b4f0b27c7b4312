"""Real clients of other APIs get the answers of our own routes, and errors that they can show."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from anyio import to_thread

from app.errors import NotReady, Overloaded
from tests.clients.asking import ENVIRONMENTS, HERE, ask, python_of, script
from tests.support.connection import connected
from tests.support.environments import run_command
from tests.support.server import KEY, Server

INPUTS = json.loads((HERE / "inputs.json").read_text("utf-8"))
Command = Callable[[], Sequence[str]]


def in_environment(name: str, client: str) -> Command:
    return lambda: script(python_of(name), client)


def in_node() -> Sequence[str]:
    folder = ENVIRONMENTS / "node"
    if not (folder / "node_modules" / "@huggingface" / "inference").exists():
        folder.mkdir(parents=True, exist_ok=True)
        package = "@huggingface/inference@4.13.30"
        run_command(["npm", "install", "--silent", "--no-audit", package], folder)
    (folder / "huggingface.mjs").write_text((HERE / "scripts" / "huggingface.mjs").read_text())
    return ["node", str(folder / "huggingface.mjs")]


# The cheap ones run with every `make test`; what installs hundreds of megabytes, by
# `make test-clients` alone.
EVERYDAY, LARGE = pytest.mark.slow, pytest.mark.clients
CLIENTS = [
    pytest.param(
        lambda: script(Path(sys.executable), "huggingface"), id="huggingface_hub 0", marks=EVERYDAY
    ),
    pytest.param(
        in_environment("huggingface-1", "huggingface"), id="huggingface_hub 1", marks=LARGE
    ),
    pytest.param(in_environment("everyday", "huggingface"), id="huggingface_hub 2", marks=EVERYDAY),
    pytest.param(in_node, id="@huggingface/inference", marks=EVERYDAY),
    pytest.param(in_environment("everyday", "tei"), id="tei-client", marks=EVERYDAY),
    pytest.param(in_environment("everyday", "triton"), id="tritonclient", marks=EVERYDAY),
]
each_client = pytest.mark.parametrize("command", CLIENTS)
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


@each_client
def test_answers_are_those_of_our_own_route(
    command: Command, dialect_server: Server, own: Callable[[str], Any]
) -> None:
    answers = ask(command(), dialect_server.url, "-")
    for case in (*LABELS, "entities"):
        if case in answers:
            assert answers[case] == own(case), case
    assert {"single", "list", "pair", "unknown", "long"} <= answers.keys()
    for case in ("unknown", "long"):
        assert "error" in answers[case], case


@each_client
def test_a_wrong_key_is_refused_and_the_right_one_opens(
    command: Command, guarded_server: Server
) -> None:
    assert "error" not in ask(command(), guarded_server.url, KEY, "single")["single"]
    assert "error" in ask(command(), guarded_server.url, "wrong", "single")["single"]


@pytest.mark.anyio
@each_client
async def test_overload_ends_the_call_at_once(command: Command, tiny_store: Path) -> None:
    async with connected(tiny_store) as side:
        refused = 0

        def refuse(*_: object) -> None:
            nonlocal refused
            refused += 1
            raise Overloaded("the queue is full; come back in 3 s", 3.0)

        side.runner.check_admission = refuse  # type: ignore[method-assign]
        answer = await to_thread.run_sync(partial(ask, command(), side.url, "-", "single"))
        assert "error" in answer["single"]
        assert refused == 1


@pytest.mark.anyio
@each_client
async def test_a_call_while_nothing_serves_yet_ends_or_waits_until_something_does(
    command: Command, tiny_store: Path
) -> None:
    async with connected(tiny_store) as side:
        refused = 0

        def refuse_once(*_: object) -> None:
            nonlocal refused
            refused += 1
            if refused == 1:
                raise NotReady("the engine is away; try again in a moment")

        side.runner.check_admission = refuse_once  # type: ignore[method-assign]
        side.runner.ends_at_once = True
        answer = await to_thread.run_sync(partial(ask, command(), side.url, "-", "single"))
        assert ("error" in answer["single"]) == (refused == 1), answer
