"""Loads and swaps the versions of every model, and remembers what failed.

    discover -> verify -> load -> golden check -> warm up -> swap one reference

Anything that fails before the swap leaves the old version serving. The desired version is a file in
the store (`<store>/<name>/desired-version`, else the highest version), so replicas converge.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from app.bundle.base import Precision
from app.engine.backends.base import Backend
from app.engine.models import store_reader
from app.engine.models.catalog import Catalog
from app.engine.models.gauges import ModelGauges
from app.engine.models.model import Model, Signature
from app.engine.models.servable import Servable
from app.engine.models.store_reader import StoreReader
from app.engine.models.version_loader import VersionLoader
from app.errors import BundleError, ClassmarkError, ReloadFailed, UnknownModel
from app.memory import resident_bytes
from app.store import (
    check_model,
    list_models,
    list_skipped,
    list_versions,
    read_desired_version,
    version_signature,
    write_desired_version,
)
from app.telemetry.metrics import Metrics

logger = logging.getLogger(__name__)


class LocalRegistry(Catalog):
    """The models of one store on one device.

    Each model is looked at by a task of its own: whatever is wrong with one, of whatever kind,
    touches no other.

    Args:
        channel: whose pins count before those for all.
        bucket: what the store is the cache of, and where pins are then.
    """

    def __init__(
        self,
        store: Path,
        backend: Backend,
        precision: Precision | None,
        metrics: Metrics,
        executors: int = 1,
        channel: str | None = None,
        bucket: str | None = None,
    ) -> None:
        super().__init__(base_bytes=resident_bytes())
        self._channel = channel
        self._bucket = bucket
        self._blamed: Mapping[str, Mapping[int, str]] = {}
        self._store = StoreReader(store)
        self._loader = VersionLoader(self._store, backend, precision, executors, metrics)
        self._gauges = ModelGauges(metrics)
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._looks: dict[str, asyncio.Task[None]] = {}
        self._skipped: set[str] = set()

    async def scan(self, patience_seconds: float | None = None) -> None:
        """Bring every model to its desired version; failures are kept, logged and counted.

        Args:
            patience_seconds: what has not ended by then goes on by itself; None waits.
        """
        try:
            names = await self._store.ask(list_models)
        except Exception as exc:  # gone, unreadable or hanging: what serves goes on serving
            logger.error(
                "store cannot be read", extra={"path": str(self._store.path), "reason": str(exc)}
            )
            return
        self._forget_all_but(names)
        for name in names:
            self._models.setdefault(name, Model(name))
        self.unlisted = None
        await self._report_skipped()
        for name in names:
            if name not in self._looks or self._looks[name].done():
                self._looks[name] = asyncio.create_task(self._look(self._models[name]))
        if names:
            await asyncio.wait([self._looks[name] for name in names], timeout=patience_seconds)

    def blame(self, reasons: Mapping[str, Mapping[int, str]]) -> None:
        """Keep, by model and version, why what is wanted could not be brought into the store.

        They are failures of these models from the next scan on, until they are blamed no more.
        """
        self._blamed = reasons

    async def reload(self, name: str, version: int | None) -> Servable:
        """Swap in a version and pin the model to it; without one, take the newest and unpin it.

        Raises:
            UnknownModel: no such model or version.
            ReloadFailed: the version could not be loaded, or the pin not be recorded; what served
                before still serves.
        """
        model = self._models.get(name, Model(name))
        if self._bucket is not None:
            raise ReloadFailed(_pinned_in(self._bucket, self._channel, name, version))
        try:
            if name not in await self._store.ask(list_models):
                self.model(name)
            async with asyncio.timeout(store_reader.LOOK_SECONDS), self._locks[name]:
                await self._list_versions(model)
        except (BundleError, TimeoutError) as exc:
            reason = str(exc) or "the model is being loaded"
            raise ReloadFailed(f"{reason}. {_still_serving(model)}") from exc
        async with self._locks[name]:
            self._models.setdefault(name, model)
            if not model.versions or version not in (None, *model.versions):
                known = ", ".join(map(str, model.versions)) or "none"
                raise UnknownModel(f"{name} has no version {version}; the store has: {known}")
            try:
                wanted = version
                if wanted is None and self._channel:  # whose pin is removed: that for all counts
                    wanted = await self._store.ask(read_desired_version, name)
                wanted = wanted or model.versions[0]
                servable, signature = await self._loader.load(model, wanted)
                await self._store.ask(write_desired_version, name, version, self._channel)
            except (ClassmarkError, TimeoutError) as exc:
                self._gauges.show(model)
                raise ReloadFailed(f"{exc}. {_still_serving(model)}") from exc
            model.wanted = wanted
            self._swap(model, servable, signature)
            self._gauges.show(model)
            return servable

    async def _report_skipped(self) -> None:
        """Say once which folders are no models and no versions, by their names."""
        with suppress(OSError, TimeoutError):
            for name in set(await self._store.ask(list_skipped)) - self._skipped:
                self._skipped.add(name)
                logger.warning(
                    "folder skipped: a model is named in small letters, digits, _ and -, a "
                    "version by a number",
                    extra={"folder": name},
                )

    def _forget_all_but(self, names: Sequence[str]) -> None:
        """Drop models that the store no longer has, unless they serve."""
        for name in set(self._models) - set(names):
            model = self._models[name]
            if model.servable is None:
                del self._models[name]
                self._gauges.forget(name)
            elif model.versions:
                model.versions, model.failures, model.wanted = (), {}, None
                self._gauges.show(model)
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
                    self._loader.refuse(model, None, exc, ())
            self._gauges.show(model)

    async def _reconcile(self, model: Model) -> None:
        await self._list_versions(model)
        desired = await self._store.ask(read_desired_version, model.name, self._channel)
        blamed = self._blamed.get(model.name, {})
        model.wanted = desired or max((*model.versions, *blamed), default=None)
        model.failures = {
            version: failure
            for version, failure in model.failures.items()
            if version in (*model.versions, *blamed) or version == desired is not None
        }
        self._note_blamed(model, blamed)
        for version in _candidates(model, desired):
            signature = await self._store.ask(version_signature, model.name, version)
            if version == model.version and signature in ((), model.signature):
                break
            known = model.failures.get(version)
            if known is not None and known.signature == signature:
                continue
            try:
                self._swap(model, *await self._loader.load(model, version))
            except ClassmarkError:
                continue
            break

    def _note_blamed(self, model: Model, blamed: Mapping[int, str]) -> None:
        for version, reason in blamed.items():
            known = model.failures.get(version)
            if known is None or known.reason != reason:
                self._loader.refuse(model, version, BundleError(reason), ())

    async def _list_versions(self, model: Model) -> None:
        model.versions = await self._store.ask(list_versions, model.name)
        if not model.versions:
            await self._store.ask(check_model, model.name)
        model.listed = True

    def _swap(self, model: Model, servable: Servable, signature: Signature) -> None:
        """Serve new requests from the servable; the old one is freed with its last reference."""
        old, model.servable = model.servable, servable
        model.signature = signature
        self._gauges.swapped(old, servable)
        logger.info(
            "model swapped",
            extra=servable.identity | {"previous_version": old.version if old else None},
        )


def _candidates(model: Model, desired: int | None) -> list[int]:
    """Return the versions to try, best first: none older than what serves, while that is there."""
    if desired is not None:
        return [desired]
    current = model.version or 0
    if current not in model.versions:  # nothing serves, or its folder was taken back
        return list(model.versions)
    return [version for version in model.versions if version >= current]


def _pinned_in(bucket: str, channel: str | None, name: str, version: int | None) -> str:
    pin = f"pin {name} {version}" if version is not None else f"unpin {name}"
    where = f"--store {bucket}" + (f" --channel {channel}" if channel else "")
    return (
        f"{name} is served from {bucket}, where every replica's pins are: run `classmark store "
        f"{pin} {where}`, and all follow"
    )


def _still_serving(model: Model) -> str:
    if model.servable is None:
        return "No version of the model serves"
    return f"Version {model.servable.version} still serves"
