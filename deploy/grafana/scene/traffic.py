"""Sends what callers of a busy day send: steady, in bursts, with mistakes."""

import asyncio
import itertools
import math
import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import httpx

from deploy.grafana.scene.bodies import Bodies, Body

TICK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody with a key.

    Attributes:
        rate: requests a second by the minutes since the start.
        ask: makes the body of a request.
    """

    key: str
    route: str
    rate: Callable[[float], float]
    ask: Callable[[random.Random], Body]


def callers(ask: Bodies) -> Sequence[Caller]:
    """Return who calls: a website, a nightly job that comes in a burst, a newsroom, mistakes."""
    classify = "/v1/classify"
    return (
        Caller("website", classify, _wave(8), ask.review),
        Caller("newsroom", "/v1/ner", _wave(3), ask.sentence),
        Caller("newsroom", classify, _wave(1), ask.article),
        Caller("nightly", classify, lambda m: 9 if 5 <= m < 6.5 else 0.05, ask.articles),
        Caller("website", classify, lambda m: 0.4, ask.mistake),
        Caller("website", classify, lambda m: 0.2, ask.partly),
        Caller("website", classify, lambda m: 2 if 9 <= m < 11 else 0, ask.foreign),
        Caller("nobody", classify, lambda m: 0.1, ask.review),
    )


def _wave(mean: float) -> Callable[[float], float]:
    return lambda minutes: mean * (1 + 0.5 * math.sin(minutes))


async def send(addresses: Sequence[str], everyone: Sequence[Caller], minutes: float) -> None:
    """Send what each caller sends, for some minutes, to one service after the other."""
    rng, turns = random.Random(0), itertools.cycle(addresses)
    start = time.monotonic()
    async with httpx.AsyncClient(timeout=60, trust_env=False) as client, asyncio.TaskGroup() as on:
        while (elapsed := time.monotonic() - start) < 60 * minutes:
            for caller in everyone:
                due = caller.rate(elapsed / 60) * TICK_SECONDS
                if rng.random() < due:
                    on.create_task(_ask(client, next(turns), caller, caller.ask(rng)))
            await asyncio.sleep(TICK_SECONDS)


async def _ask(client: httpx.AsyncClient, address: str, caller: Caller, body: Body) -> None:
    headers = {"Authorization": f"Bearer {caller.key}"}
    with suppress(httpx.TransportError):  # a service that restarts; balancers would ask another
        await client.post(f"http://{address}{caller.route}", json=body, headers=headers)
