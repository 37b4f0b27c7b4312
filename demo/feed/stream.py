"""Sends what is due to a service, twice a second, until the plan's time is over."""

import logging
import random
import time
from collections import Counter
from collections.abc import Callable

import httpx

from demo.errors import DemoError
from demo.feed.plan import Plan
from demo.feed.texts import OpinionTexts

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.5
TOLD_SECONDS = 60.0
# The service may restart or refuse meanwhile: what was due is lost, as with callers who give up.
PASSING = {429, 503, 504}
MODELS = ["topic", "sentiment", "ner"]


def stream(
    plan: Plan,
    texts: OpinionTexts,
    client: httpx.Client,
    seconds: float,
    rng: random.Random,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Counter[str]:
    """Send texts for so long; return how many were answered, refused and lost.

    Raises:
        DemoError: the service is not there at the start, or says that the request is wrong.
    """
    counts: Counter[str] = Counter()
    start = told = clock()
    at = 0.0
    _ask(client, [texts.compose(plan.topics[0], "positive", rng)], is_first=True)
    while at < seconds:
        until = min(seconds, at + TICK_SECONDS)
        sleep(max(0.0, start + until - clock()))
        batch = [texts.compose(*kind, rng) for kind in plan.due(at, until, rng)]
        if batch:
            counts[_ask(client, batch)] += len(batch)
        _tell_surge(plan, at, until)
        if clock() - told >= TOLD_SECONDS:
            told = clock()
            logger.info("%s", describe(counts, told - start - until))
        at = until
    return counts


def describe(counts: Counter[str], late: float = 0.0) -> str:
    """Say how many texts were sent, and whether the service cannot keep up."""
    told = ", ".join(f"{counts[kind]} {kind}" for kind in ("answered", "refused", "lost"))
    behind = f"; {late:.0f} s behind: send fewer with --rate" if late > 10 * TICK_SECONDS else ""
    return f"{told}{behind}"


def _ask(client: httpx.Client, texts: list[str], *, is_first: bool = False) -> str:
    try:
        answer = client.post("/v1/analyze", json={"inputs": texts, "models": MODELS})
    except httpx.TransportError as exc:
        if is_first:
            raise DemoError(
                f"no service at {client.base_url} ({exc}); start one with `make serve`, or give "
                "its address with --url"
            ) from exc
        return "lost"
    if answer.status_code in PASSING:
        return "refused"
    if answer.status_code != 200:
        raise DemoError(
            f"{answer.request.url} answered {answer.status_code}: {answer.text[:300]}; the feed "
            f"needs a service with the demo models {', '.join(MODELS)}, and --key where it "
            "asks for a key"
        )
    return "answered"


def _tell_surge(plan: Plan, at: float, until: float) -> None:
    surge = plan.surge
    if surge is None:
        return
    if at <= surge.after < until:
        logger.info("surge begins: %s, %g negative texts/s", surge.topic, surge.texts_per_second)
    if at <= surge.after + surge.seconds < until:
        logger.info("surge ends: %s", surge.topic)
