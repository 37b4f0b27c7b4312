"""Wires the application; importing this module does nothing."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.types import ASGIApp, Lifespan

from app import __version__, python_tuning
from app.api import operations
from app.api.analyze import routes as analyze
from app.api.body_limit import BodyLimit
from app.api.cors import allow_origins
from app.api.dialects.registry import spoken
from app.api.inference import openapi
from app.api.problems import install_handlers
from app.api.request_log import RequestLogMiddleware
from app.background import OnDeath, start_task
from app.core import make_backend, make_core, running
from app.engine.admission import RequestCost
from app.engine.answer_cache import AnswerCache
from app.engine.backends.base import Backend
from app.engine.batching.cpus import available_cpus
from app.engine.interface import Engine
from app.engine.models.catalog import Catalog
from app.engine.text.text_pool import TextPool
from app.monitor.routes import add_monitor
from app.playground.routes import add_playground
from app.security import Authorizer, make_authorizer
from app.service import Lifecycle, Peers, RequestTracing, Service
from app.settings.settings import Settings
from app.store import check_store
from app.telemetry.cold_start import process_age_seconds
from app.telemetry.exposition import Format, render
from app.telemetry.metrics import Metrics
from app.tracing.start import start_tracing, stop_tracing

logger = logging.getLogger(__name__)

DESCRIPTION = (
    "Serves fine-tuned BERT-family classifiers: the checkpoint's own answers, whoever shares the "
    "batch. Offsets are Unicode code points. Errors are `application/problem+json` and name the "
    "value, the limit and the remedy."
)


def create_app(settings: Settings, backend: Backend | None = None) -> FastAPI:
    """Build the application of one process that does everything; models load when it starts.

    Args:
        backend: what runs the graphs; None for what the settings ask for.

    Raises:
        ValueError: settings that cannot work here.
    """
    check_store(settings.store_folder, settings.store_url)
    metrics = Metrics()
    tracing = start_tracing(metrics)
    trace_batch = None if tracing is None else tracing.trace_batch
    core = make_core(settings, backend or make_backend(settings), metrics, trace_batch)

    async def exposition(wanted: Format) -> bytes:
        return render(metrics.registry, wanted)

    authorizer = read_authorizer(settings)
    parts = core.engine, core.registry, authorizer
    service = make_service(settings, metrics, *parts, exposition, tracing)

    def on_started() -> None:
        service.lifecycle.start()
        if service.unready_reason() is None:
            metrics.cold_start_seconds.set(process_age_seconds())
        python_tuning.freeze_loaded()
        log_started(core.registry)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with running(core, settings, on_started, service.report_fault):
            on_hangup(core.scan, service.report_fault)
            yield
        service.text_pool.close()
        await stop_tracing(tracing)
        logger.info("stopped")

    return build_app(service, lifespan)


def build_app(service: Service, lifespan: Lifespan[FastAPI]) -> FastAPI:
    """Wire the routes to a service; to be served behind `with_middleware`."""
    app: FastAPI = FastAPIOffline(
        title="Classmark",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        telemetry={"tracing": False, "metrics": False},
        redoc_url=None,
        redirect_slashes=False,  # a redirect would repeat whatever Host the client named
    )
    app.state.service = service
    install_handlers(app)
    for router in (
        openapi.router,
        analyze.router,
        operations.models,
        operations.health,
        operations.metrics,
    ):
        app.include_router(router)
    for dialect in spoken(service.settings):
        app.include_router(dialect.router)
    add_monitor(app)
    if service.settings.playground:
        add_playground(app)
    return app


def with_middleware(app: FastAPI) -> ASGIApp:
    """Return what a server runs for requests that are no inference: the application, observed.

    These stand before the framework, not among its middleware: what it answers itself counts too.
    """
    service: Service = app.state.service
    limited = BodyLimit(app, service.settings.max_body_bytes)
    observed = RequestLogMiddleware(allow_origins(limited, service.authorizer), service)
    return observed if service.tracing is None else service.tracing.observe(observed)


def read_authorizer(settings: Settings) -> Authorizer:
    """Return who may ask what; raise ValueError for a keys file that is bad."""
    return make_authorizer(
        settings.api_keys_file,
        on_loopback=settings.on_loopback,
        allow_anonymous=settings.allow_anonymous,
        origins=settings.allowed_origins,
    )


def make_service(
    settings: Settings,
    metrics: Metrics,
    engine: Engine,
    registry: Catalog,
    authorizer: Authorizer,
    exposition: Callable[[Format], Awaitable[bytes]],
    tracing: RequestTracing | None,
    peers: Peers | None = None,
) -> Service:
    """Build what a process owns that answers HTTP."""
    metrics.build_info.labels(__version__).set(1)
    cache = AnswerCache(settings.cache_megabytes * 1_000_000, metrics.cache_lookups)
    metrics.cache_bytes.set_function(lambda: cache.bytes)
    return Service(
        settings=settings,
        engine=engine,
        cache=cache,
        registry=registry,
        metrics=metrics,
        authorizer=authorizer,
        lifecycle=Lifecycle(),
        text_pool=TextPool(_text_threads(settings), settings.max_queue_seconds),
        request_cost=RequestCost(),
        exposition=exposition,
        tracing=tracing,
        peers=peers or Peers(),
    )


def _text_threads(settings: Settings) -> int:
    """Return how many long texts this process reads at a time: its share of the CPUs."""
    cpus = available_cpus()
    return max(1, min(cpus, settings.executors or cpus) // settings.workers)


def log_started(registry: Catalog) -> None:
    serving = [f"{s.name}/{s.version}" for s in registry.serving]
    logger.info("started", extra={"models": ", ".join(serving) or "none yet"})


def on_hangup(scan: Callable[[], Coroutine[Any, Any, None]], on_death: OnDeath) -> None:
    """Let SIGHUP rescan the store, where there are such signals and this is the main thread."""

    def rescan() -> None:
        start_task(scan(), "scanning the model store", on_death)

    with suppress(ValueError, RuntimeError, NotImplementedError, AttributeError):
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, rescan)
