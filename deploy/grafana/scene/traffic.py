"""Sends what callers of a busy day send: steady, in bursts, with mistakes."""

import asyncio
import itertools
import json
import math
import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

Body = dict[str, Any]
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


def read_texts(checkpoints: Path, model: str) -> Sequence[str]:
    """Return the texts that a demo model is evaluated on."""
    lines = (checkpoints / model / "eval.jsonl").read_text().splitlines()
    read = [json.loads(line) for line in lines]
    return [one.get("text") or " ".join(one["tokens"]) for one in read]


def callers(checkpoints: Path) -> Sequence[Caller]:
    """Return who calls: a website, a nightly job that comes in a burst, a newsroom, mistakes."""
    reviews, news, sentences = (
        read_texts(checkpoints, model) for model in ("sentiment", "topic", "ner")
    )

    def review(rng: random.Random) -> Body:
        # People ask the same few again and again.
        return {"model": "sentiment", "inputs": reviews[int(rng.paretovariate(0.5)) % len(reviews)]}

    def articles(rng: random.Random) -> Body:
        return {"model": "topic", "inputs": [f"{rng.random()} {t}" for t in rng.sample(news, 64)]}

    def article(rng: random.Random) -> Body:
        return {"model": "topic", "inputs": rng.choice(news), "long_text": "window"}

    def sentence(rng: random.Random) -> Body:
        return {"model": "ner", "inputs": rng.choice(sentences)}

    def foreign(rng: random.Random) -> Body:
        return {"model": "sentiment", "inputs": f"{rng.choice(reviews)[:40]} {'ﷺ ☃ 🎬 ' * 6}"}

    def mistake(rng: random.Random) -> Body:
        return rng.choice(
            [
                {"model": "sentimental", "inputs": "A fine film."},
                {"model": "sentiment", "inputs": "A fine film.", "top_k": 0},
                {"model": "sentiment", "inputs": []},
            ]
        )

    def partly(rng: random.Random) -> Body:
        inputs = [rng.choice(reviews), "word " * 600]
        body = {"model": "sentiment", "inputs": inputs}
        return body | {"long_text": "error", "on_error": "report"}

    def wave(mean: float) -> Callable[[float], float]:
        return lambda minutes: mean * (1 + 0.5 * math.sin(minutes))

    classify = "/v1/classify"
    return (
        Caller("website", classify, wave(8), review),
        Caller("newsroom", "/v1/ner", wave(3), sentence),
        Caller("newsroom", classify, wave(1), article),
        Caller("nightly", classify, lambda m: 9 if 5 <= m < 6.5 else 0.05, articles),
        Caller("website", classify, lambda m: 0.4, mistake),
        Caller("website", classify, lambda m: 0.2, partly),
        Caller("website", classify, lambda m: 2 if 9 <= m < 11 else 0, foreign),
        Caller("nobody", classify, lambda m: 0.1, review),
    )


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
