"""Tells every front end about the engine's models, and sends what answering with them needs."""

import asyncio
import itertools
import logging
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from app.engine.models.model import Model
from app.engine.models.registry import LocalRegistry
from app.engine.models.servable import Servable
from app.errors import BundleError
from app.workers.transport.frames import pack_json

logger = logging.getLogger(__name__)

# The registry and the executors are polled this often; a reload is published at once.
PUBLISH_SECONDS = 0.1
APPLIED_WITHIN_SECONDS = 10.0
TICK_SECONDS = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Published:
    """A servable, packed to be sent, and the number that front ends know it by."""

    number: int
    payload: bytes


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """The engine's state at one moment; numbers go up."""

    number: int
    fields: dict[str, Any]
    servables: tuple[Servable, ...]


class Follower(Protocol):
    """A front end that is told of changes."""

    @property
    def applied(self) -> int:
        """Number of the last state that is in force there."""
        ...

    def tell(self, state: State) -> None: ...

    def tick(self) -> None: ...


class Publisher:
    """Polls the registry, and tells every front end of each change.

    Args:
        started: returns whether the first load of the store has ended.
        trouble: returns why the engine can run nothing now, or None if it can.
    """

    def __init__(
        self,
        registry: LocalRegistry,
        started: Callable[[], bool],
        trouble: Callable[[], str | None],
    ) -> None:
        self._registry = registry
        self._started = started
        self._trouble = trouble
        self._published: weakref.WeakKeyDictionary[Servable, Published] = (
            weakref.WeakKeyDictionary()
        )
        self._refused: weakref.WeakSet[Servable] = weakref.WeakSet()
        self._shown: dict[str, Servable | None] = {}
        self._numbers = itertools.count(1)
        self._until_tick = 0.0
        self._state: State | None = None
        self._publishing = asyncio.Lock()
        self._applied = asyncio.Condition()
        self.followers: set[Follower] = set()

    def packed(self, servable: Servable) -> Published:
        return self._published[servable]

    def add(self, follower: Follower) -> None:
        self.followers.add(follower)
        if self._state is not None:
            follower.tell(self._state)

    def remove(self, follower: Follower) -> None:
        self.followers.discard(follower)

    async def follow(self) -> None:
        """Publish changes until cancelled."""
        while True:
            try:
                await self.publish_changes()
            except Exception:
                logger.exception("front ends cannot be told how things are, trying again")
            self._tick()
            await asyncio.sleep(PUBLISH_SECONDS)

    def _tick(self) -> None:
        """Show front ends that the engine lives, now and then."""
        self._until_tick -= PUBLISH_SECONDS
        if self._until_tick <= 0:
            self._until_tick = TICK_SECONDS
            for follower in tuple(self.followers):
                follower.tick()

    async def publish_changes(self) -> None:
        """Send the state to every front end, if it has changed."""
        async with self._publishing:
            models = [await self._describe(model) for model in self._registry.models]
            fields = {
                "started": self._started(),
                "unlisted": self._registry.unlisted,
                "trouble": self._trouble(),
                "models": models,
                "base_bytes": self._registry.base_bytes,
            }
            if self._state is not None and self._state.fields == fields:
                return
            number = self._state.number + 1 if self._state else 1
            shown = tuple(one for one in self._shown.values() if one is not None)
            self._state = State(number, fields, shown)
            for follower in tuple(self.followers):
                follower.tell(self._state)

    async def wait_until_applied(self) -> None:
        """Publish the state, and return when it is in force in every front end."""
        await self.publish_changes()
        assert self._state is not None  # publish_changes() has made one
        number = self._state.number
        try:
            async with asyncio.timeout(APPLIED_WITHIN_SECONDS), self._applied:
                await self._applied.wait_for(
                    lambda: all(one.applied >= number for one in self.followers)
                )
        except TimeoutError:
            logger.warning(
                "a front end is late to follow", extra={"seconds": APPLIED_WITHIN_SECONDS}
            )

    async def wait_for_no_front_ends(self, seconds: float) -> None:
        """Return when every front end has gone, or after this long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._applied:
                await self._applied.wait_for(lambda: not self.followers)

    async def note_applied(self) -> None:
        """Wake the waiting methods above: a front end has applied a state, or gone."""
        async with self._applied:
            self._applied.notify_all()

    async def _describe(self, model: Model) -> dict[str, Any]:
        servable = model.servable
        if servable is not None and not await self._publish(servable):
            servable = self._shown.get(model.name)
        self._shown[model.name] = servable
        return {
            "name": model.name,
            "versions": list(model.versions),
            "wanted": model.wanted,
            "listed": model.listed,
            "servable": servable and self._published[servable].number,
            "footprints": [list(item) for item in model.footprints.items()],
            "failures": [
                {"version": one.version, "reason": one.reason, "at": one.at.isoformat()}
                for one in model.failures.values()
            ],
        }

    async def _publish(self, servable: Servable) -> bool:
        """Pack a servable once; return whether that succeeded.

        Front ends get the bytes from here, not from the store: a version must go on serving after
        its folder has gone, in a restarted front end too.
        """
        if servable in self._published:
            return True
        if servable in self._refused:
            return False
        try:
            payload = await asyncio.to_thread(_pack, servable)
        except BundleError as exc:
            self._refused.add(servable)
            logger.error(
                "version cannot be handed to front ends, the one before serves on",
                extra=servable.identity | {"reason": str(exc)},
            )
            return False
        self._published[servable] = Published(next(self._numbers), payload)
        return True


def _pack(servable: Servable) -> bytes:
    manifest = servable.manifest.model_dump_json().encode()
    fields = {
        "path": str(servable.bundle.path),
        "runtime": asdict(servable.runtime),
        "manifest_bytes": len(manifest),
    }
    return pack_json(fields, manifest + servable.bundle.read_tokenizer())
