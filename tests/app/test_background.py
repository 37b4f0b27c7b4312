"""A background task that dies is logged with its cause and told."""

import asyncio
import logging

import pytest

from app.background import start_task

pytestmark = pytest.mark.anyio


async def broken() -> None:
    raise KeyError("a name that nobody has")


async def test_a_task_that_dies_is_logged_with_its_cause_and_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    told: list[str] = []
    task = start_task(broken(), "following the store", told.append)
    await asyncio.wait([task])
    await asyncio.sleep(0)
    assert told == ["following the store ended with KeyError; see the log, and restart"]
    (record,) = [one for one in caplog.records if one.levelno == logging.CRITICAL]
    assert "a name that nobody has" in caplog.text
    assert record.__dict__["task"] == "following the store"


async def test_a_task_that_is_cancelled_or_ends_tells_nothing() -> None:
    told: list[str] = []
    stopped = start_task(asyncio.sleep(1000), "waiting", told.append)
    ended = start_task(asyncio.sleep(0), "blinking", told.append)
    stopped.cancel()
    await asyncio.wait([stopped, ended])
    await asyncio.sleep(0)
    assert told == []
