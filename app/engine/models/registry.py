"""Loads and swaps the versions of every model, and remembers what failed.

    discover -> verify -> load -> golden check -> warm up -> swap one reference

Anything that fails before the swap leaves the old version serving. The desired version is a file in
the store (`<store>/<name>/desired-version`, else the highest version), so replicas converge.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from app.background import in_thread
from app.bundle import Precision
from app.engine.backends.base import Backend
from app.engine.models.catalog import Catalog, Failure, Model, Signature
from app.engine.models.loader import load_servable
from app.engine.models.servable import Servable
from app.errors import (
    BundleError,
    ClassmarkError,
    IncompleteBundle,
    ReloadFailed,
    UnknownModel,
)
from app.store import (
    list_models,
    list_skipped,
    list_versions,
    read_desired_version,
    version_signature,
    write_desired_version,
)
from app.telemetry.metrics import Metrics

logger = logging.getLogger(__name__)

T = TypeVar("T")


# How long the store may take to list a model's folder, and a version to load.
LOOK_SECONDS, LOAD_SECONDS = 10.0, 900.0
# Versions load one at a time; one that takes longer than this no longer holds up the others.
TURN_SECONDS = 120.0


class LocalRegistry(Catalog):
    """The models of one store on one device.

    Each model is looked at by a task of its own: whatever is wrong with one, of whatever kind,
    touches no other.
    """

    def __init__(
        self,
        store: Path,
        backend: Backend,
        precision: Precision | None,
        metrics: Metrics,
        executors: int = 1,
    ) -> None:
        super().__init__()
        self._store = store
        self._backend = backend
        self._precision = precision
        self._metrics = metrics
        self._executors = executors
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._looks: dict[str, asyncio.Task[None]] = {}
        self._turn = asyncio.Lock()
        self._skipped: set[str] = set()

    async def scan(self, patience_seconds: float | None = None) -> None:
        """Bring every model to its desired version; failures are kept, logged and counted.

        Args:
            patience_seconds: what has not ended by then goes on by itself; None waits.
        """
        try:
            names = await in_thread(
                partial(list_models, self._store), LOOK_SECONDS, "listing the model store"
            )
        except Exception as exc:  # gone, unreadable or hanging: what serves goes on serving
            logger.error(
                "store cannot be read", extra={"path": str(self._store), "reason": str(exc)}
            )
            return
        self._forget_all_but(names)
        await self._report_skipped()
        for name in names:
            if name not in self._looks or self._looks[name].done():
                model = self._models.setdefault(name, Model(name))
                self._looks[name] = asyncio.create_task(self._look(model))
        if names:
            await asyncio.wait([self._looks[name] for name in names], timeout=patience_seconds)

    async def reload(self, name: str, version: int | None) -> Servable:
        """Swap in a version and pin the model to it; without one, take the newest and unpin it.

        Raises:
            UnknownModel: no such model or version.
            ReloadFailed: the version could not be loaded, or the pin not be recorded; what served
                before still serves.
        """
        model = self._models.get(name, Model(name))
        try:
            if name not in await self._ask(list_models, self._store):
                self.model(name)
            async with asyncio.timeout(LOOK_SECONDS), self._locks[name]:
                model.versions = await self._ask(list_versions, self._store, name)
        except (BundleError, TimeoutError) as exc:
            reason = str(exc) or "the model is being loaded"
            raise ReloadFailed(f"{reason}. {_still_serving(model)}") from exc
        async with self._locks[name]:
            self._models.setdefault(name, model)
            if not model.versions or version not in (None, *model.versions):
                known = ", ".join(map(str, model.versions)) or "none"
                raise UnknownModel(f"{name} has no version {version}; the store has: {known}")
            wanted = version if version is not None else model.versions[0]
            try:
                servable = await self._load(model, wanted)
                await self._ask(write_desired_version, self._store, name, version)
            except (ClassmarkError, TimeoutError) as exc:
                raise ReloadFailed(f"{exc}. {_still_serving(model)}") from exc
            self._swap(model, servable)
            self._note_behind(model, wanted)
            return servable

    async def _report_skipped(self) -> None:
        """Say once which folders are no models and no versions, by their names."""
        with suppress(OSError, TimeoutError):
            for name in set(await self._ask(list_skipped, self._store)) - self._skipped:
                self._skipped.add(name)
                logger.warning(
                    "folder skipped: a model is named in small letters, digits, _ and -, a "
                    "version by a number",
                    extra={"folder": name},
                )

    async def _ask(self, question: Callable[..., T], *arguments: object) -> T:
        """Ask the store, which may hang, without waiting for ever."""
        name = f"{question.__name__} of {self._store}"
        return await in_thread(partial(question, *arguments), LOOK_SECONDS, name)

    def _forget_all_but(self, names: Sequence[str]) -> None:
        """Drop models that the store no longer has, unless they serve."""
        for name in set(self._models) - set(names):
            model = self._models[name]
            if model.servable is None:
                del self._models[name]
            elif model.versions:
                model.versions, model.failures = (), {}
                logger.warning("model serves on without its folder", extra={"model": name})

    async def _look(self, model: Model) -> None:
        """Reconcile one model; whatever goes wrong is that model's trouble alone."""
        async with self._locks[model.name]:
            try:
                await self._reconcile(model)
            except Exception as exc:
                known = model.failures.get(None)
                if known is None or known.reason != str(exc):
                    if not isinstance(exc, (ClassmarkError, TimeoutError)):
                        logger.exception("model cannot be looked at", extra={"model": model.name})
                    self._refuse(model, None, exc, ())
                self._metrics.model_behind.labels(model.name).set(1)

    async def _reconcile(self, model: Model) -> None:
        model.versions = await self._ask(list_versions, self._store, model.name)
        desired = await self._ask(read_desired_version, self._store, model.name)
        model.failures = {
            version: failure
            for version, failure in model.failures.items()
            if version in model.versions or version == desired is not None
        }
        for version in _candidates(model, desired):
            signature = await self._ask(version_signature, self._store, model.name, version)
            if version == _version(model) and signature in ((), model.signature):
                break
            known = model.failures.get(version)
            if known is not None and known.signature == signature:
                continue
            try:
                self._swap(model, await self._load(model, version))
            except ClassmarkError:
                continue
            break
        newest = model.versions[0] if model.versions else None
        self._note_behind(model, desired if desired is not None else newest)

    def _note_behind(self, model: Model, wanted: int | None) -> None:
        """Show whether the model serves what the store wants."""
        failed = wanted in model.failures
        behind = wanted is not None and (wanted != _version(model) or failed)
        self._metrics.model_behind.labels(model.name).set(behind)

    async def _load(self, model: Model, version: int) -> Servable:
        """Load a version off the event loop; record the failure and raise it."""
        started = time.perf_counter()
        signature = await self._ask(version_signature, self._store, model.name, version)
        work = partial(
            load_servable,
            self._store / model.name / str(version),
            self._backend,
            self._precision,
            model.servable,
            self._executors,
        )
        try:
            servable = await self._in_turn(work, f"loading {model.name}/{version}")
        except ClassmarkError as exc:
            self._refuse(model, version, exc, signature)
            raise
        except Exception as exc:
            error = BundleError(f"{model.name}/{version} cannot be loaded: {exc or repr(exc)}")
            self._refuse(model, version, error, signature)
            raise error from exc
        seconds = time.perf_counter() - started
        model.failures.pop(version, None)
        model.loaded_signature = signature
        self._metrics.reloads.labels(model.name, "loaded").inc()
        self._metrics.load_seconds.labels(model.name).observe(seconds)
        extra = servable.identity | {"seconds": round(seconds, 3)}
        if (reason := servable.runtime.execution.reason) is not None:
            extra["not_better_because"] = reason
        logger.info("version loaded", extra=extra)
        return servable

    async def _in_turn(self, work: Callable[[], Servable], name: str) -> Servable:
        """Load one version at a time, but behind one that hangs not for ever."""
        async with self._turn:
            loading = asyncio.ensure_future(in_thread(work, LOAD_SECONDS, name))
            await asyncio.wait([loading], timeout=TURN_SECONDS)
        return await loading

    def _refuse(
        self, model: Model, version: int | None, exc: Exception, signature: Signature
    ) -> None:
        """Keep, count and log why a version, or the model's pin (None), cannot be followed."""
        outcome = "incomplete" if isinstance(exc, IncompleteBundle) else "failed"
        self._metrics.reloads.labels(model.name, outcome).inc()
        model.failures[version] = Failure(version, str(exc), signature, datetime.now(UTC))
        logger.error(
            "version refused",
            extra={"model": model.name, "version": version, "reason": str(exc)},
        )

    def _swap(self, model: Model, servable: Servable) -> None:
        """Serve new requests from the servable; the old one is freed with its last reference."""
        old, model.servable = model.servable, servable
        model.signature = model.loaded_signature
        if old is not None:
            self._metrics.model_info.remove(*self._info(old))
        self._metrics.model_info.labels(*self._info(servable)).set(1)
        self._metrics.batch_failures.labels(servable.name)
        self._metrics.of(servable.name)  # so that a model has its series before its first request
        logger.info(
            "model swapped",
            extra=servable.identity | {"previous_version": old.version if old else None},
        )

    def _info(self, servable: Servable) -> tuple[str, ...]:
        invariant = str(servable.batch_invariant).lower()
        identity = (servable.name, str(servable.version), servable.manifest.task)
        runtime = servable.runtime
        return (*identity, runtime.precision, runtime.provider, runtime.execution.kind, invariant)


def _candidates(model: Model, desired: int | None) -> list[int]:
    """Return the versions to try, best first: none older than what serves, while that is there."""
    if desired is not None:
        return [desired]
    current = _version(model)
    if current not in model.versions:  # nothing serves, or its folder was taken back
        return list(model.versions)
    return [version for version in model.versions if version >= current]


def _version(model: Model) -> int:
    return model.servable.version if model.servable else 0


def _still_serving(model: Model) -> str:
    if model.servable is None:
        return "No version of the model serves"
    return f"Version {model.servable.version} still serves"
