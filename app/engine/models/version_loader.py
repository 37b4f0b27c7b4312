"""Loads versions off the event loop, one at a time; remembers and counts those that fail."""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial

from app.background import in_thread
from app.bundle.base import Precision
from app.engine.backends.base import Backend
from app.engine.models.footprint import predict_version, warn_if_short
from app.engine.models.loader import load_servable
from app.engine.models.model import Failure, Model, Signature
from app.engine.models.servable import Servable
from app.engine.models.store_reader import StoreReader
from app.errors import BundleError, ClassmarkError, IncompleteBundle
from app.store import version_signature
from app.telemetry.metrics import Metrics

logger = logging.getLogger(__name__)

LOAD_SECONDS = 900.0
# Versions load one at a time; one that takes longer than this no longer holds up the others.
TURN_SECONDS = 120.0


class VersionLoader:
    """Makes servables of the versions of one store on one device.

    Args:
        precision: the graph to take; None for the first that serves.
        executors: threads that will run batches of a version at the same time.
    """

    def __init__(
        self,
        store: StoreReader,
        backend: Backend,
        precision: Precision | None,
        executors: int,
        metrics: Metrics,
    ) -> None:
        self._store = store
        self._backend = backend
        self._precision = precision
        self._executors = executors
        self._metrics = metrics
        self._turn = asyncio.Lock()

    async def load(self, model: Model, version: int) -> tuple[Servable, Signature]:
        """Load a version; return it with its files' signature.

        A failure is kept in the model, and raised.
        """
        started = time.perf_counter()
        signature = await self._store.ask(version_signature, model.name, version)
        await self._predict(model, version)
        work = partial(
            load_servable,
            self._store.path / model.name / str(version),
            self._backend,
            self._precision,
            model.servable,
            self._executors,
        )
        try:
            servable = await self._in_turn(work, f"loading {model.name}/{version}")
        except ClassmarkError as exc:
            self.refuse(model, version, exc, signature)
            raise
        except Exception as exc:
            error = BundleError(f"{model.name}/{version} cannot be loaded: {exc or repr(exc)}")
            self.refuse(model, version, error, signature)
            raise error from exc
        model.failures.pop(version, None)
        self._note_loaded(servable, time.perf_counter() - started)
        return servable, signature

    async def _predict(self, model: Model, version: int) -> None:
        """Note what a version will take; if its manifest is bad, loading it says so."""
        how = (self._backend, self._precision, self._executors)
        with suppress(BundleError):
            footprint = await self._store.ask(predict_version, model.name, version, *how)
            if footprint is not None:
                model.expect(version, footprint)
                warn_if_short(model.name, version, footprint)

    def refuse(
        self, model: Model, version: int | None, exc: Exception, signature: Signature
    ) -> None:
        """Keep, count and log why a version, or the model's pin (None), cannot be followed."""
        incomplete = isinstance(exc, IncompleteBundle)
        self._metrics.reloads.labels(model.name, "incomplete" if incomplete else "failed").inc()
        now = datetime.now(UTC)
        model.failures[version] = Failure(version, str(exc), signature, now, incomplete)
        logger.error(
            "version refused",
            extra={"model": model.name, "version": version, "reason": str(exc)},
        )

    async def _in_turn(self, work: Callable[[], Servable], name: str) -> Servable:
        """Load one version at a time, but behind one that hangs not for ever."""
        async with self._turn:
            loading = asyncio.ensure_future(in_thread(work, LOAD_SECONDS, name))
            await asyncio.wait([loading], timeout=TURN_SECONDS)
        return await loading

    def _note_loaded(self, servable: Servable, seconds: float) -> None:
        self._metrics.reloads.labels(servable.name, "loaded").inc()
        self._metrics.load_seconds.labels(servable.name).observe(seconds)
        extra = servable.identity | {"seconds": round(seconds, 3)}
        runtime = servable.runtime
        if (reason := runtime.degraded or runtime.execution.reason) is not None:
            extra["not_better_because"] = reason
        logger.info("version loaded", extra=extra)
