"""Owns a device and the models on it: builds it, starts it, stops it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.background import OnDeath, start_task
from app.engine.backends.base import Backend
from app.engine.batching.cpus import available_cpus
from app.engine.batching.executors import CompletedBatch
from app.engine.local import LocalEngine
from app.engine.models.registry import LocalRegistry
from app.engine.models.watcher import watch
from app.settings.settings import Settings
from app.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from app.mirror.follow import StoreFollower


@dataclass(frozen=True, slots=True)
class EngineCore:
    """An engine with the models that run on it."""

    engine: LocalEngine
    registry: LocalRegistry
    follower: "StoreFollower | None" = None

    async def scan(self) -> None:
        """Look at the store now, wherever it is."""
        if self.follower is not None:
            await self.follower.sync()
        await self.registry.scan()


def make_backend(settings: Settings) -> Backend:
    """Return what runs graphs; a runtime is imported by those processes alone that use it."""
    from app.engine.backends.selection import select_backend

    return select_backend(settings.device, settings.executors or available_cpus())


def make_core(
    settings: Settings,
    backend: Backend,
    metrics: Metrics,
    trace_batch: Callable[[CompletedBatch], None] | None = None,
) -> EngineCore:
    """Build what owns the device; nothing starts yet.

    Args:
        trace_batch: as LocalEngine has it.
    """
    executors = settings.executors or backend.executors
    if backend.provider == "CUDAExecutionProvider":
        from app.engine.backends.cuda.nvml import observe_gpus

        observe_gpus(metrics.registry)
    registry = LocalRegistry(
        settings.store_folder,
        backend,
        settings.wanted_precision,
        metrics,
        executors,
        settings.store_channel,
        settings.store_url,
    )
    follower = None
    if settings.store_url is not None:
        from app.mirror.start import make_follower

        follower = make_follower(settings, backend, registry, metrics)
    engine = LocalEngine(executors, settings.max_queue_seconds, metrics, trace_batch=trace_batch)
    return EngineCore(engine, registry, follower)


@asynccontextmanager
async def running(
    core: EngineCore, settings: Settings, on_started: Callable[[], None], on_death: OnDeath
) -> AsyncIterator[None]:
    """Start the executors and the first load; at the end run what is queued and stop.

    Args:
        on_started: called when the first load of the store has ended.
        on_death: called with the reason if the store is followed no more.
    """
    core.engine.start()
    following = start_task(
        _load_and_watch(core, settings, on_started), "following the model store", on_death
    )
    try:
        yield
    finally:
        following.cancel()
        await asyncio.wait([following])
        await core.engine.stop(settings.request_timeout_seconds)
        if core.follower is not None:
            core.follower.close()


async def _load_and_watch(
    core: EngineCore, settings: Settings, on_started: Callable[[], None]
) -> None:
    """Load what the store has, then follow it; liveness answers meanwhile."""
    if core.follower is None:
        await core.registry.scan()
    else:
        await core.follower.load_first()
    on_started()
    if not settings.watch:
        return
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(watch(core.registry, settings.store_folder))
            if core.follower is not None:
                tasks.create_task(core.follower.follow())
    except ExceptionGroup as died:  # by one of the two, which is to be named; the other goes along
        raise died.exceptions[0] from None
