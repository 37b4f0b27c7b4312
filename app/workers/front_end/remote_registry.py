"""Mirrors the engine's models in a front end: tokenizer and manifest here, the session there."""

import asyncio
import logging
import weakref
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from app.bundle.bundle import Bundle
from app.bundle.manifest import Manifest
from app.engine.backends.base import PADDED, Execution, Mode, RuntimeSpec
from app.engine.models.catalog import Catalog
from app.engine.models.footprint import Footprint
from app.engine.models.model import Failure, Model
from app.engine.models.servable import Servable, make_tokenizer
from app.engine.text.encoding import Encoding, Logits
from app.telemetry.metrics import Metrics
from app.workers.front_end.engine_client import ENGINE_AWAY, EngineClient, EngineConnection
from app.workers.transport.frames import Frame, Kind, pack_json, read_json, read_json_and_data

logger = logging.getLogger(__name__)

RETRY_SECONDS = 0.5
RECONNECT_SECONDS = 0.05


class RemoteRegistry(Catalog):
    """Follows the engine's registry; the engine does reloads and scans.

    While there is no engine the models stay as they were, so that a request is answered 503 and not
    404. After a connection to the next engine, unchanged models are kept.

    Args:
        on_started: called once, when the engine's first load has ended.
    """

    def __init__(
        self, client: EngineClient, metrics: Metrics, on_started: Callable[[], None]
    ) -> None:
        super().__init__(unlisted=ENGINE_AWAY)
        self._client = client
        self._metrics = metrics
        self._on_started = on_started
        self._started = False
        self._trouble: str | None = ENGINE_AWAY
        # Numbers belong to the current connection; each is dropped with its servable.
        self._numbers: weakref.WeakKeyDictionary[Servable, int] = weakref.WeakKeyDictionary()

    @property
    def trouble(self) -> str | None:
        """Why the engine can run nothing now, or None if it can."""
        return self._trouble

    def number(self, servable: Servable) -> int | None:
        """Return the engine's number of a servable, or None if it does not know it (any more)."""
        return self._numbers.get(servable)

    async def scan(self) -> None:
        await self._ask(Kind.SCAN, b"")

    async def reload(self, name: str, version: int | None) -> Servable:
        await self._ask(Kind.RELOAD, pack_json({"name": name, "version": version}))
        servable = self.model(name).servable
        assert servable is not None  # the engine published the swap before it answered
        return servable

    async def _ask(self, kind: Kind, payload: bytes) -> None:
        call = self._client.call(kind, payload)
        try:
            await call.answer
        finally:
            call.end()

    async def follow(self) -> None:
        """Stay connected to the current engine, until cancelled."""
        while True:
            try:
                link = await self._client.connect()
            except OSError as exc:
                logger.warning("no engine to connect to", extra={"reason": str(exc)})
                await asyncio.sleep(RETRY_SECONDS)
                continue
            pause = RECONNECT_SECONDS
            try:
                await self._apply_news(link)
                logger.warning("engine connection lost")
            except Exception:
                logger.exception("the engine's news cannot be read, connecting anew")
                link.channel.close()
                pause = RETRY_SECONDS
            finally:
                self._numbers.clear()
                self._trouble = ENGINE_AWAY
            await asyncio.sleep(pause)

    async def _apply_news(self, link: EngineConnection) -> None:
        known: dict[int, Servable] = {}
        while (frame := await link.news.get()) is not None:
            if frame.kind == Kind.SERVABLE:
                known[frame.number] = await self._accept(frame, link)
                continue
            state = read_json(frame.payload)
            # An engine that is still loading has fewer models than served before its restart.
            if state["started"] or not self._started:
                self._apply(state, known)
                known = {number: one for number, one in known.items() if one in self.serving}
            link.send(Kind.APPLIED, frame.number)

    async def _accept(self, frame: Frame, link: EngineConnection) -> Servable:
        """Make a servable from what the engine sent; release it when nothing here needs it."""
        fields, data = read_json_and_data(frame.payload)
        manifest = Manifest.model_validate_json(data[: fields["manifest_bytes"]])
        same = (s for s in self.serving if s.manifest == manifest)
        runtime = _runtime(fields["runtime"])
        servable = next((s for s in same if s.runtime == runtime), None)
        if servable is None:
            tokenizer = data[fields["manifest_bytes"] :]
            bundle = Bundle(Path(fields["path"]), manifest)
            servable = await asyncio.to_thread(_build, bundle, runtime, tokenizer)
        if link.channel.is_open:
            self._numbers[servable] = frame.number
        loop = asyncio.get_running_loop()
        release = weakref.finalize(servable, _release, loop, link, frame.number)
        release.atexit = False
        return servable

    def _apply(self, state: Mapping[str, Any], known: Mapping[int, Servable]) -> None:
        if self._started and self._trouble == ENGINE_AWAY:
            logger.info("engine is back")
        self._trouble, self.unlisted = state["trouble"], state["unlisted"]
        self.base_bytes = state["base_bytes"]
        self._models = {
            fields["name"]: Model(
                fields["name"],
                known.get(fields["servable"]),
                tuple(fields["versions"]),
                fields["wanted"],
                listed=fields["listed"],
                footprints={version: Footprint(*one) for version, one in fields["footprints"]},
                failures={one["version"]: _failure(one) for one in fields["failures"]},
            )
            for fields in state["models"]
        }
        for servable in self.serving:
            self._metrics.begin(servable.metric_labels)
        if state["started"] and not self._started:
            self._started = True
            self._on_started()


def _build(bundle: Bundle, runtime: RuntimeSpec, tokenizer: bytes) -> Servable:
    made = make_tokenizer(tokenizer, bundle.manifest)
    return Servable(bundle, runtime, made, _NoSession())


def _runtime(fields: Mapping[str, Any]) -> RuntimeSpec:
    mode, execution = Mode(*fields["mode"]), Execution(*fields["execution"])
    return RuntimeSpec(fields["provider"], mode, execution, fields["degraded"])


def _failure(fields: Mapping[str, Any]) -> Failure:
    at = datetime.fromisoformat(fields["at"])
    return Failure(fields["version"], fields["reason"], (), at)


def _release(loop: asyncio.AbstractEventLoop, link: EngineConnection, number: int) -> None:
    """Tell the engine; the last reference may go on any thread, even after the loop has closed."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(link.send, Kind.RELEASE, number)


class _NoSession:
    """Takes the place of the session, which is in the engine process and reports how it runs."""

    execution = PADDED

    def run(self, encodings: Sequence[Encoding]) -> list[Logits]:
        raise RuntimeError("a front end has no session; runs go through the engine process")
