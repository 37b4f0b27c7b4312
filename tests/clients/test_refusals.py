"""Every client shows its user that it was refused, and why where it can; none asks on and on."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from anyio import to_thread

from app.errors import NotReady, Overloaded
from tests.clients.asking import ask
from tests.clients.commands import CLIENTS, OPENAI, PLATFORMS, Command
from tests.support.connection import Side, connected
from tests.support.server import KEY, Server

RETRY_SECONDS = 3.0
each_client = pytest.mark.parametrize("command", [*CLIENTS, *PLATFORMS])


@each_client
def test_what_cannot_be_answered_is_an_error(command: Command, dialect_server: Server) -> None:
    answers = ask(command(), dialect_server.url, "-", "unknown", "long")
    assert [case for case in ("unknown", "long") if "error" not in answers[case]] == []


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
        refused = refuse(side, Overloaded("the queue is full; come back in 3 s", RETRY_SECONDS))
        answer = await to_thread.run_sync(partial(ask, command(), side.url, "-", "single"))
        assert "error" in answer["single"]
        assert len(refused) == 1


@pytest.mark.anyio
@each_client
async def test_a_call_while_nothing_serves_yet_ends_or_waits_until_something_does(
    command: Command, tiny_store: Path
) -> None:
    async with connected(tiny_store) as side:
        refused = refuse(side, NotReady("the engine is away; try again in a moment"), times=1)
        answer = await to_thread.run_sync(partial(ask, command(), side.url, "-", "single"))
        assert ("error" in answer["single"]) == (len(refused) == 1), answer


@pytest.mark.anyio
@pytest.mark.parametrize("command", [OPENAI])
async def test_a_client_that_repeats_by_itself_waits_as_long_as_it_is_told_to(
    command: Command, tiny_store: Path
) -> None:
    async with connected(tiny_store) as side:
        refuse(side, Overloaded("the queue is full; come back in 3 s", RETRY_SECONDS), times=1)
        answer = await to_thread.run_sync(partial(ask, command(), side.url, "-", "repeated"))
        assert answer["repeated"]["waits"] == [RETRY_SECONDS]


def refuse(side: Side, why: Exception, times: int | None = None) -> list[Any]:
    """Refuse every request, or as many as said; return the list that grows with each of them."""
    seen: list[Any] = []

    def check(*given: object) -> None:
        seen.append(given)
        if times is None or len(seen) <= times:
            raise why

    side.service.lifecycle.started = True  # or MLflow's client does not even ask
    side.runner.check_admission = check  # type: ignore[method-assign]
    side.runner.ends_at_once = True
    return seen
