"""A service on a bucket: what it says until it has models, and what the whole of it needs."""

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from app.core import make_backend, make_core
from app.main import create_app, with_middleware
from app.service import Service
from app.settings.settings import Settings
from app.store import check_store
from app.telemetry.metrics import Metrics
from tests.support.buckets import URL, Bucket, remote
from tests.support.connection import until

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def running(bucket: Bucket, cache: Path) -> AsyncIterator[tuple[Service, httpx.AsyncClient]]:
    settings = Settings(model_store=URL, store_cache=cache, store_poll_seconds=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.mirror.start.open_remote", lambda url: remote(bucket))
        app = create_app(settings)
    transport = httpx.ASGITransport(with_middleware(app))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client,
    ):
        yield app.state.service, client


async def test_it_is_not_ready_until_the_bucket_answered_and_says_so_then_serves_and_follows(
    tiny_store: Path, tmp_path: Path
) -> None:
    bucket = Bucket()
    bucket.add(tiny_store, "mood", 1)
    bucket.down = True
    async with running(bucket, tmp_path) as (service, client):
        await until(lambda: URL in (service.registry.unlisted or ""))
        ready = await client.get("/health/ready")
        assert ready.status_code == 503
        assert ready.json()["reason"] == f"{URL} cannot be reached: connection refused"
        assert (await client.get("/health/live")).status_code == 200
        bucket.down = False
        await until(lambda: service.lifecycle.started)
        assert (await client.get("/health/ready")).status_code == 200
        assert (await client.get("/v1/models/mood")).json()["version"] == 1
        bucket.add(tiny_store, "mood", 2)
        await until(lambda: service.registry.resolve("mood").version == 2)
        refused = await client.post("/v1/models/mood/reload", json={"version": 1})
        assert refused.status_code == 409
        assert f"classmark store pin mood 1 --store {URL}" in refused.json()["detail"]
        metrics = (await client.get("/metrics")).text
        assert "classmark_store_sync_age_seconds" in metrics


async def test_a_scan_that_is_asked_for_looks_at_the_bucket_first(
    tiny_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = Bucket()
    bucket.add(tiny_store, "mood", 1)
    monkeypatch.setattr("app.mirror.start.open_remote", lambda url: remote(bucket))
    settings = Settings(model_store=URL, store_cache=tmp_path, watch=False)
    check_store(settings.store_folder, settings.store_url)
    core = make_core(settings, make_backend(settings), Metrics())
    await core.scan()
    assert core.registry.resolve("mood").version == 1
    bucket.add(tiny_store, "mood", 2)
    await core.scan()
    assert core.registry.resolve("mood").version == 2


async def test_without_a_bucket_its_metrics_are_absent(tiny_store: Path) -> None:
    app = create_app(Settings(model_store=str(tiny_store)))
    transport = httpx.ASGITransport(with_middleware(app))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        assert "classmark_store" not in (await client.get("/metrics")).text


def test_a_service_on_a_folder_runs_without_the_extra(tiny_store: Path) -> None:
    code = (
        "import sys; sys.modules['obstore'] = None\n"
        "from app.main import create_app; from app.settings.settings import Settings\n"
        f"create_app(Settings(model_store={str(tiny_store)!r}))\n"
        "assert not [name for name in sys.modules if name.startswith('app.mirror')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
