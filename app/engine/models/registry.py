"""Loads and swaps the versions of every model, and remembers what failed.

    discover -> verify -> load -> golden check -> warm up -> swap one reference

Anything that fails before the swap leaves the old version serving. The desired version is a file in
the store (`<store>/<name>/desired-version`, else the highest version), so replicas converge.
"""

import asyncio
import logging
import time
from datetime import UTC, datetime
from pathlib import Path

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
    list_versions,
    read_desired_version,
    version_signature,
    write_desired_version,
)
from app.telemetry.metrics import Metrics

logger = logging.getLogger(__name__)


class LocalRegistry(Catalog):
    """The models of one store on one device."""

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
        self._loading = asyncio.Lock()

    async def scan(self) -> None:
        """Bring every model to its desired version; failures are kept, logged and counted."""
        try:
            names = await asyncio.to_thread(list_models, self._store)
        except OSError as exc:  # gone or unreadable: what serves goes on serving
            logger.error(
                "store cannot be read", extra={"path": str(self._store), "reason": str(exc)}
            )
            return
        for name in names:
            async with self._loading:
                await self._reconcile(self._models.setdefault(name, Model(name)))

    async def reload(self, name: str, version: int | None) -> Servable:
        """Swap in a version and pin the model to it; without one, take the newest and unpin it.

        Raises:
            UnknownModel: no such model or version.
            ReloadFailed: the version could not be loaded, or the pin not be recorded; what served
                before still serves.
        """
        if name not in await asyncio.to_thread(list_models, self._store):
            self.model(name)
        async with self._loading:
            model = self._models.setdefault(name, Model(name))
            model.versions = await asyncio.to_thread(list_versions, self._store, name)
            if not model.versions or version not in (None, *model.versions):
                known = ", ".join(map(str, model.versions)) or "none"
                raise UnknownModel(f"{name} has no version {version}; the store has: {known}")
            wanted = version if version is not None else model.versions[0]
            try:
                servable = await self._load(model, wanted)
                await asyncio.to_thread(write_desired_version, self._store, name, version)
            except ClassmarkError as exc:
                raise ReloadFailed(f"{exc}. {_still_serving(model)}") from exc
            self._swap(model, servable)
            return servable

    async def _reconcile(self, model: Model) -> None:
        model.versions = await asyncio.to_thread(list_versions, self._store, model.name)
        try:
            desired = await asyncio.to_thread(read_desired_version, self._store, model.name)
        except BundleError as exc:
            self._refuse(model, None, exc, ())
            return
        model.failures.pop(None, None)
        for version in _candidates(model, desired):
            signature = await asyncio.to_thread(version_signature, self._store, model.name, version)
            known = model.failures.get(version)
            if known is not None and known.signature == signature:
                continue
            try:
                self._swap(model, await self._load(model, version))
            except ClassmarkError:
                continue
            return

    async def _load(self, model: Model, version: int) -> Servable:
        """Load a version off the event loop; record the failure and raise it."""
        if model.servable is not None and model.servable.version == version:
            return model.servable
        started = time.perf_counter()
        signature = await asyncio.to_thread(version_signature, self._store, model.name, version)
        try:
            folder = self._store / model.name / str(version)
            servable = await asyncio.to_thread(
                load_servable,
                folder,
                self._backend,
                self._precision,
                model.servable,
                self._executors,
            )
        except ClassmarkError as exc:
            self._refuse(model, version, exc, signature)
            raise
        seconds = time.perf_counter() - started
        model.failures.pop(version, None)
        self._metrics.reloads.labels(model.name, "loaded").inc()
        self._metrics.load_seconds.labels(model.name).observe(seconds)
        extra = servable.identity | {"seconds": round(seconds, 3)}
        if (reason := servable.runtime.execution.reason) is not None:
            extra["not_better_because"] = reason
        logger.info("version loaded", extra=extra)
        return servable

    def _refuse(
        self, model: Model, version: int | None, exc: ClassmarkError, signature: Signature
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
        if old is servable:
            return
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
    """Return the versions to try, best first: none older than what serves, unless it is pinned."""
    current = model.servable.version if model.servable else 0
    if desired is not None:
        return [] if desired == current else [desired]
    return [version for version in model.versions if version > current]


def _still_serving(model: Model) -> str:
    if model.servable is None:
        return "No version of the model serves"
    return f"Version {model.servable.version} still serves"
