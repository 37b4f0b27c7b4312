"""The application, wired; importing this module does nothing."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.types import ASGIApp

from app import __version__, interpreter
from app.api import inference, operations
from app.api.body_limit import BodyLimit
from app.api.deps import Lifecycle, Service
from app.api.fast_lane import FastLane
from app.api.observe import Observe
from app.api.problems import install_handlers
from app.engine.backends.selection import select_backends
from app.engine.cache import ResultCache
from app.engine.engine import Engine
from app.engine.executor import available_cpus
from app.engine.registry import Registry
from app.engine.watcher import watch
from app.metrics import Metrics
from app.security import make_gate
from app.settings import Settings

logger = logging.getLogger(__name__)

DESCRIPTION = (
    "Serves fine-tuned BERT-family classifiers: the checkpoint's own answers, whoever shares the "
    "batch. Offsets are Unicode code points. Errors are `application/problem+json` and name the "
    "value, the limit and the remedy."
)


def create_app(settings: Settings) -> FastAPI:
    """Build the application, to be served behind `front`; models load when it starts."""
    service = create_service(settings)
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
    for router in (inference.router, operations.models, operations.health, operations.metrics):
        app.include_router(router)
    return app


def front(app: FastAPI) -> ASGIApp:
    """Return what a server runs: the application behind what every request passes.

    These stand before the framework, not among its middleware: a plain request never enters it.
    """
    service: Service = app.state.service
    limited = BodyLimit(FastLane(app, service), service.settings.max_body_bytes)
    return Observe(limited, service)


def create_service(settings: Settings) -> Service:
    """Build what the application owns; raise ValueError for settings that cannot work here."""
    if not settings.model_store.is_dir():
        raise ValueError(
            f"the model store {settings.model_store} is not a folder; make the demo models with "
            "`make models`, or set CLASSMARK_MODEL_STORE"
        )
    metrics = Metrics()
    metrics.build_info.labels(__version__).set(1)
    precision = None if settings.precision == "auto" else settings.precision
    streams = settings.executors or available_cpus()
    backends = select_backends(settings.backend, settings.device, precision, streams)
    default_executors = 1 if backends[0].provider == "CUDAExecutionProvider" else available_cpus()
    cache = ResultCache(settings.cache_megabytes * 1_000_000, metrics.cache_lookups)
    metrics.cache_bytes.set_function(lambda: cache.bytes)
    return Service(
        settings=settings,
        engine=Engine(settings.executors or default_executors, settings.max_queue_seconds, metrics),
        cache=cache,
        registry=Registry(settings.model_store, backends, precision, metrics),
        metrics=metrics,
        gate=make_gate(
            settings.api_keys_file,
            on_loopback=settings.on_loopback,
            allow_anonymous=settings.allow_anonymous,
        ),
        lifecycle=Lifecycle(),
    )


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Start the engine and the first load; at the end run what is queued and stop."""
    service: Service = app.state.service
    service.engine.start()
    background = asyncio.create_task(_load_and_watch(service))
    _on_hangup(service)
    yield
    background.cancel()
    with suppress(asyncio.CancelledError):
        await background
    await service.engine.stop()
    logger.info("stopped")


async def _load_and_watch(service: Service) -> None:
    """Load what the store has, then follow it; liveness answers meanwhile."""
    await service.registry.scan()
    service.lifecycle.started = True
    interpreter.keep_what_is_loaded()
    serving = [f"{s.name}/{s.version}" for s in service.registry.serving]
    logger.info("started", extra={"models": ", ".join(serving) or "none yet"})
    if service.settings.watch:
        await watch(service.registry, service.settings.model_store)


def _on_hangup(service: Service) -> None:
    """Let SIGHUP rescan the store, where there are such signals and this is the main thread."""
    scans: set[asyncio.Task[None]] = set()

    def rescan() -> None:
        scans.add(task := asyncio.get_running_loop().create_task(service.registry.scan()))
        task.add_done_callback(scans.discard)

    with suppress(ValueError, RuntimeError, NotImplementedError, AttributeError):
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, rescan)
