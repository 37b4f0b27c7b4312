"""What becomes of a process whose background work dies, or whose start fails."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app import core, main
from app.core import make_backend, make_core, running
from app.engine.models.registry import LocalRegistry
from app.main import create_app
from app.service import Service
from app.settings.settings import Settings
from app.telemetry.metrics import Metrics

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("place", ["first scan", "watch"])
async def test_a_store_that_is_followed_no_more_makes_the_service_unready_and_says_why(
    tiny_store: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, place: str
) -> None:
    async def end(*_: object) -> None:
        raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")

    async def look(_: LocalRegistry) -> None:
        pass

    monkeypatch.setattr(LocalRegistry, "scan", end if place == "first scan" else look)
    monkeypatch.setattr(core, "watch", end)
    app = create_app(Settings(model_store=tiny_store))
    service: Service = app.state.service
    async with app.router.lifespan_context(app):
        while service.lifecycle.fault is None:  # it dies before anything waits for long
            await _turn()
        assert "following the model store ended with UnicodeDecodeError" in (
            service.unready_reason() or ""
        )
    assert "invalid start byte" in caplog.text


async def test_an_error_while_the_service_runs_still_ends_its_executors(tiny_store: Path) -> None:
    settings = Settings(model_store=tiny_store, watch=False)
    owner = make_core(settings, make_backend(settings), Metrics())
    with pytest.raises(ZeroDivisionError):
        async with running(owner, settings, lambda: None, lambda _: None):
            raise ZeroDivisionError
    assert owner.engine.health().alive == 0


async def _turn() -> None:
    import asyncio

    await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("executors", "workers", "threads"), [(0, 1, 64), (2, 1, 2), (2, 4, 1), (0, 4, 16), (99, 1, 64)]
)
def test_long_texts_are_read_by_no_more_threads_than_run_batches(
    tiny_store: Path, monkeypatch: pytest.MonkeyPatch, executors: int, workers: int, threads: int
) -> None:
    monkeypatch.setattr(main, "available_cpus", lambda: 64)
    settings = Settings(model_store=tiny_store, executors=executors, workers=workers)
    assert create_app(settings).state.service.text_pool.threads == threads


def test_a_service_starts_no_threads_that_nobody_asked_for() -> None:
    code = (
        "import os, sys; sys.argv[1:] = ['--help']\n"
        "from app.__main__ import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "assert 'numpy' not in sys.modules, 'it has started its threads before'\n"
        "import numpy\n"
        "print('threads:', len(os.listdir('/proc/self/task')))"
    )
    plain = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=plain)
    assert done.stdout.endswith("threads: 1\n")
