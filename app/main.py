"""The application, wired; importing this module does nothing."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from prometheus_client import generate_latest
from starlette.types import ASGIApp, Lifespan

from app import __version__, python_tuning
from app.api import operations
from app.api.auth import Lifecycle, Service
from app.api.body_limit import BodyLimit
from app.api.inference import routes
from app.api.observe import Observe
from app.api.problems import install_handlers
from app.bundle import Precision
from app.engine.answer_cache import ResultCache
from app.engine.backends.base import Backend
from app.engine.batching.executors import available_cpus
from app.engine.interface import Runner
from app.engine.local import Engine
from app.engine.models.catalog import Catalog
from app.engine.models.registry import Registry
from app.engine.models.watcher import watch
from app.security import make_gate
from app.settings import Settings
from app.store import check_store
from app.telemetry.metrics import Metrics

logger = logging.getLogger(__name__)

DESCRIPTION = (
    "Serves fine-tuned BERT-family classifiers: the checkpoint's own answers, whoever shares the "
    "batch. Offsets are Unicode code points. Errors are `application/problem+json` and name the "
    "value, the limit and the remedy."
)


def create_app(settings: Settings, backends: Sequence[Backend] = ()) -> FastAPI:
    """Build the application of one process that does everything; models load when it starts.

    Args:
        backends: what runs the graphs; without any, what the settings ask for.

    Raises:
        ValueError: settings that cannot work here.
    """
    check_store(settings.model_store)
    metrics = Metrics()
    engine = make_engine(settings, backends or make_backends(settings), metrics)

    async def exposition() -> bytes:
        return generate_latest(metrics.registry)

    service = make_service(settings, metrics, engine.runner, engine.registry, exposition)

    def on_started() -> None:
        service.lifecycle.started = True
        python_tuning.freeze_loaded()
        log_started(engine.registry)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with running(engine, settings, on_started):
            on_hangup(engine.registry)
            yield
        logger.info("stopped")

    return build_app(service, lifespan)


def build_app(service: Service, lifespan: Lifespan[FastAPI]) -> FastAPI:
    """Wire the routes to a service; to be served behind `front`."""
    app: FastAPI = FastAPIOffline(
        title="Classmark",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        telemetry={"tracing": False, "metrics": False},
        redoc_url=None,
    )
    app.state.service = service
    install_handlers(app)
    for router in (routes.router, operations.models, operations.health, operations.metrics):
        app.include_router(router)
    return app


def front(app: FastAPI) -> ASGIApp:
    """Return what a server runs for requests that are not plain: the application, observed.

    These stand before the framework, not among its middleware: what it answers itself counts too.
    """
    service: Service = app.state.service
    return Observe(BodyLimit(app, service.settings.max_body_bytes), service)


@dataclass(frozen=True, slots=True)
class LocalEngine:
    """An engine with the models that run on it."""

    runner: Engine
    registry: Registry


def make_backends(settings: Settings) -> Sequence[Backend]:
    """Return what runs graphs; a runtime is imported by those processes alone that use it."""
    from app.engine.backends.selection import select_backends

    streams = settings.executors or available_cpus()
    return select_backends(settings.backend, settings.device, _precision(settings), streams)


def make_engine(settings: Settings, backends: Sequence[Backend], metrics: Metrics) -> LocalEngine:
    """Build what owns the device; nothing starts yet."""
    executors = settings.executors or backends[0].executors
    if backends[0].provider == "CUDAExecutionProvider":
        from app.engine.backends.cuda.nvml import observe_gpus

        observe_gpus(metrics.registry)
    return LocalEngine(
        Engine(executors, settings.max_queue_seconds, metrics),
        Registry(settings.model_store, backends, _precision(settings), metrics, executors),
    )


def _precision(settings: Settings) -> Precision | None:
    return None if settings.precision == "auto" else settings.precision


def make_service(
    settings: Settings,
    metrics: Metrics,
    engine: Runner,
    registry: Catalog,
    exposition: Callable[[], Awaitable[bytes]],
) -> Service:
    """Build what a process owns that answers HTTP; raise ValueError for a keys file that is bad."""
    metrics.build_info.labels(__version__).set(1)
    cache = ResultCache(settings.cache_megabytes * 1_000_000, metrics.cache_lookups)
    metrics.cache_bytes.set_function(lambda: cache.bytes)
    return Service(
        settings=settings,
        engine=engine,
        cache=cache,
        registry=registry,
        metrics=metrics,
        gate=make_gate(
            settings.api_keys_file,
            on_loopback=settings.on_loopback,
            allow_anonymous=settings.allow_anonymous,
        ),
        lifecycle=Lifecycle(),
        exposition=exposition,
    )


@asynccontextmanager
async def running(
    engine: LocalEngine, settings: Settings, on_started: Callable[[], None]
) -> AsyncIterator[None]:
    """Start the executors and the first load; at the end run what is queued and stop.

    Args:
        on_started: called when the first load of the store has ended.
    """
    engine.runner.start()
    background = asyncio.create_task(_load_and_watch(engine.registry, settings, on_started))
    yield
    background.cancel()
    with suppress(asyncio.CancelledError):
        await background
    await engine.runner.stop()


async def _load_and_watch(
    registry: Registry, settings: Settings, on_started: Callable[[], None]
) -> None:
    """Load what the store has, then follow it; liveness answers meanwhile."""
    await registry.scan()
    on_started()
    if settings.watch:
        await watch(registry, settings.model_store)


def log_started(registry: Catalog) -> None:
    serving = [f"{s.name}/{s.version}" for s in registry.serving]
    logger.info("started", extra={"models": ", ".join(serving) or "none yet"})


def on_hangup(registry: Catalog) -> None:
    """Let SIGHUP rescan the store, where there are such signals and this is the main thread."""
    scans: set[asyncio.Task[None]] = set()

    def rescan() -> None:
        scans.add(task := asyncio.get_running_loop().create_task(registry.scan()))
        task.add_done_callback(scans.discard)

    with suppress(ValueError, RuntimeError, NotImplementedError, AttributeError):
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, rescan)
