"""Follows a bucket: syncs the cache at intervals, and tells the registry what could not be had."""

import asyncio
import logging
import random
from asyncio import sleep
from functools import partial

from app.background import in_thread
from app.engine.models.model import Model
from app.engine.models.registry import LocalRegistry
from app.errors import StoreError
from app.mirror.metrics import MirrorMetrics
from app.mirror.mirror import Held, Mirror, Round

logger = logging.getLogger(__name__)

JITTER = 0.2
# While the bucket cannot be reached it is asked ever less often, up to this.
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 60.0
SYNC_SECONDS = 4 * 3600.0


class StoreFollower:
    """Keeps a cache up with its bucket, on threads of its own.

    Args:
        registry: loads models from the cache; is told why they cannot be had.
    """

    def __init__(
        self, mirror: Mirror, registry: LocalRegistry, metrics: MirrorMetrics, poll_seconds: float
    ) -> None:
        self._mirror = mirror
        self._registry = registry
        self._metrics = metrics
        self._poll_seconds = poll_seconds
        self._turn = asyncio.Lock()
        self._failures = 0
        self._said = ""

    async def load_first(self) -> None:
        """Return when the models of the bucket, or of the cache before a restart, are loaded.

        A graph or version that proves unfit here makes the mirror fetch the next best.
        """
        while not await self.sync() and self._said and not self._mirror.cache.is_usable:
            self._registry.unlisted = self._said
            await sleep(self._pause(FIRST_PAUSE_SECONDS))
        await self._registry.scan()
        unfit = set[tuple[str, int]]()
        while (found := self._unfit()) - unfit:
            unfit |= found
            await self.sync()
            await self._registry.scan()

    def close(self) -> None:
        """Leave the cache to the next process."""
        self._mirror.cache.close()

    async def follow(self) -> None:
        """Sync at intervals until cancelled; the first is random, so replicas differ in theirs."""
        pause = random.uniform(0, self._poll_seconds)
        while True:
            await sleep(pause)
            await self.sync()
            pause = self._pause(self._poll_seconds)

    async def sync(self) -> bool:
        """Bring the cache to what the bucket has; return whether all of it could be had."""
        async with self._turn:
            held = {model.name: _held(model) for model in self._registry.models}
            try:
                done = await in_thread(
                    partial(self._mirror.sync, held), SYNC_SECONDS, "following the bucket"
                )
            except (StoreError, TimeoutError) as exc:
                self._note_failure(exc)
                return False
            return self._note_round(done)

    def _note_failure(self, exc: Exception) -> None:
        self._failures += 1
        self._metrics.failures.labels(getattr(exc, "kind", "unreachable")).inc()
        if str(exc) != self._said:
            self._said = str(exc)
            logger.error("store not followed, what serves goes on", extra={"reason": self._said})

    def _note_round(self, done: Round) -> bool:
        if self._said:
            logger.info("store is followed again")
        self._failures, self._said = 0, ""
        self._metrics.fetched_bytes.inc(done.fetched_bytes)
        self._registry.blame(
            {name: {v: str(e) for v, e in faults.items()} for name, faults in done.faults.items()}
        )
        faults = [error for found in done.faults.values() for error in found.values()]
        for error in faults:
            self._metrics.failures.labels(error.kind).inc()
        if not faults:
            self._metrics.note_synced()
        return not faults

    def _pause(self, seconds: float) -> float:
        """Return how long to wait, longer after each failure."""
        longest = max(LONGEST_PAUSE_SECONDS, seconds)
        grown = min(seconds * 2.0 ** min(self._failures, 16), longest)
        return grown * random.uniform(1 - JITTER, 1 + JITTER)

    def _unfit(self) -> set[tuple[str, int]]:
        """Return the versions that another file, or an older version, would help."""
        found = {model.name: _held(model) for model in self._registry.models}
        return {
            (name, version)
            for name, held in found.items()
            for version in held.lacking | (held.refused if held.serving is None else frozenset())
        }


def _held(model: Model) -> Held:
    known = [(n, failure) for n, failure in model.failures.items() if n is not None]
    return Held(
        model.version,
        frozenset(version for version, failure in known if not failure.incomplete),
        frozenset(version for version, failure in known if failure.incomplete),
    )
