"""Starts one engine process and several front ends, restarts what dies, and stops them in order."""

import asyncio
import logging
import os
import signal
import socket
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from app.background import start_task
from app.ports import reserve
from app.security import make_authorizer
from app.settings.settings import Settings
from app.store import check_store
from app.telemetry.cold_start import process_age_seconds
from app.telemetry.exposition import Format, render
from app.telemetry.logging import log_address
from app.telemetry.metrics import Metrics
from app.workers.metrics_merge import (
    Merged,
    Snapshot,
    forget_versions,
    kept_of_the_dead,
    merge,
    take_snapshot,
)
from app.workers.supervisor.child import ChildProcess
from app.workers.supervisor_link import WorkerSpec

logger = logging.getLogger(__name__)

ENGINE = "engine"
SHARED_MEMORY = "/dev/shm"
COMMAND = (sys.executable, "-m", "app.workers")
# A process that lived this long is replaced at once. Otherwise each pause is longer than the last,
# so that a persistent fault does not use up the machine.
STEADY_SECONDS = 10.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 5.0
# What a process may take to end besides its drain and its requests.
SPARE_SECONDS = 5.0


class Supervisor:
    """The parent of all processes of a service. No request passes through it; it has no models.

    Args:
        command: starts a process, with the descriptor of its link to here as the last argument.

    Raises:
        ValueError: settings that cannot work here.
        OSError: the port is taken, or a file cannot be read.
    """

    def __init__(self, settings: Settings, command: Sequence[str] = COMMAND) -> None:
        check_store(settings.store_folder, settings.store_url)
        self._authorizer = make_authorizer(
            settings.api_keys_file,
            on_loopback=settings.on_loopback,
            allow_anonymous=settings.allow_anonymous,
            origins=settings.allowed_origins,
        )
        self._settings = settings
        self._command = command
        self._reserved = reserve(settings.host, settings.port)
        self._front_ends = [f"front-end-{n + 1}" for n in range(settings.workers)]
        self._processes: dict[str, ChildProcess] = {}
        self._seen: defaultdict[tuple[str, str], asyncio.Event] = defaultdict(asyncio.Event)
        self._models: Sequence[str] = ()
        self._metrics = Metrics()
        self._dead: Snapshot = []
        self._stopping = asyncio.Event()
        self._exit_code = 0

    def run(self) -> int:
        """Serve until SIGTERM; return the exit code."""
        return asyncio.run(self._supervise())

    async def _supervise(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        loop.add_signal_handler(signal.SIGHUP, self._tell, ENGINE, "scan")
        # Readable by this user alone. Shared memory is writable in a read-only container too.
        shared = SHARED_MEMORY if os.access(SHARED_MEMORY, os.W_OK) else None
        with tempfile.TemporaryDirectory(prefix="classmark-", dir=shared) as folder:
            path = str(Path(folder) / "engine.sock")
            # Held here for good: a connection during an engine's restart waits for the next one.
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(path)
                listener.listen()
                await self._run_all(path, listener.fileno())
        for one in self._reserved:
            one.close()
        logger.info("stopped")
        return self._exit_code

    async def _run_all(self, path: str, listener: int) -> None:
        settings, keys = self._settings, self._authorizer
        addresses = tuple(one.getsockname()[:2] for one in self._reserved)
        engine = asyncio.create_task(
            self._keep(WorkerSpec(ENGINE, settings, keys, path, listener), (listener,))
        )
        specs = [WorkerSpec(role, settings, keys, path, -1, addresses) for role in self._front_ends]
        front_ends = [asyncio.create_task(self._keep(spec, ())) for spec in specs]
        announcing = start_task(self._announce(addresses), "announcing the service", self._fail)
        await self._stopping.wait()
        announcing.cancel()
        for role in self._front_ends:
            self._tell(role, "drain")
        seconds = self._settings.drain_seconds + 2 * self._settings.request_timeout_seconds
        await self._wait(front_ends, seconds + SPARE_SECONDS)
        self._tell(ENGINE, "stop")
        await self._wait([engine], seconds + SPARE_SECONDS)

    async def _wait(self, tasks: Sequence[asyncio.Task[None]], seconds: float) -> None:
        """Wait for processes to end; kill what has not ended in time, whatever holds it."""
        _, late = await asyncio.wait(tasks, timeout=seconds)
        if late:
            logger.error("processes do not end and are killed", extra={"seconds": seconds})
            for process in self._processes.values():
                process.kill()
            await asyncio.wait(late)

    async def _keep(self, spec: WorkerSpec, inherited: Sequence[int]) -> None:
        """Run a process, and replace it whenever it dies; if that fails, stop the service."""
        try:
            await self._run_again_and_again(spec, inherited)
        except Exception:
            logger.exception("supervision failed", extra={"process_role": spec.role})
            self._fail("supervision failed")

    def _fail(self, _: str) -> None:
        self._exit_code = 1
        self._stopping.set()

    async def _run_again_and_again(self, spec: WorkerSpec, inherited: Sequence[int]) -> None:
        role, pause = spec.role, 0.0
        while not self._stopping.is_set():
            began = time.monotonic()
            process = await ChildProcess.start(self._command, spec, inherited)
            self._processes[role] = process
            logger.info("process launched", extra=process.identity)
            if self._stopping.is_set():
                process.tell("drain" if role != ENGINE else "stop")
            code = await process.follow(self._on_event)
            del self._processes[role]
            self._dead = merge([self._dead, kept_of_the_dead(process.snapshot)])
            if self._stopping.is_set():
                return
            if not self._seen[role, "listening"].is_set():
                logger.error("process does not start", extra={"process_role": role, "code": code})
                self._exit_code = code if code > 0 else 1
                self._stopping.set()
                return
            steady = time.monotonic() - began > STEADY_SECONDS
            pause = (
                0.0 if steady else min(max(2 * pause, FIRST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)
            )
            self._metrics.process_restarts.labels(_kind(role)).inc()
            logger.error(
                "process died and is replaced",
                extra={"process_role": role, "code": code, "pause_seconds": pause},
            )
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    def _on_event(self, process: ChildProcess, message: dict[str, Any]) -> None:
        if message["event"] == "scrape":
            work = self._expose(process, message["number"], message["wanted"])
            start_task(work, "adding up metrics", lambda _: None)  # the asker gives up by itself
            return
        if message["event"] == "gather":
            work = self._gather(process, message)
            start_task(work, "gathering what front ends know", lambda _: None)
            return
        if message["event"] == "started":
            self._models = message["models"]
            logger.info("front end serves", extra=process.identity)
        self._seen[process.role, message["event"]].set()

    async def _announce(self, addresses: Sequence[tuple[str, int]]) -> None:
        """Log when every front end listens, and when every one knows the first models."""
        for role in self._front_ends:
            await self._seen[role, "listening"].wait()
        for address in addresses:
            log_address(*address)
        for role in self._front_ends:
            await self._seen[role, "started"].wait()
        if self._models:
            self._metrics.cold_start_seconds.set(process_age_seconds())
        models = ", ".join(self._models) or "none yet"
        logger.info("started", extra={"models": models, "front_ends": len(self._front_ends)})

    async def _expose(self, asker: ChildProcess, number: int, wanted: Format) -> None:
        """Answer a scrape with the metrics of all processes, the dead ones included."""
        await asyncio.gather(*(process.collect() for process in self._processes.values()))
        living = [process.snapshot for process in self._processes.values()]
        self._dead = forget_versions(self._dead, living)
        own = take_snapshot(self._metrics.registry)
        merged = Merged(merge([*living, own, self._dead], asker.snapshot))
        asker.tell("answer", number=number, text=render(merged, wanted).decode())

    async def _gather(self, asker: ChildProcess, message: dict[str, Any]) -> None:
        """Answer with the share of every front end, and the names of those that gave none."""
        front_ends = [one for role, one in self._processes.items() if role != ENGINE]
        asked = message["name"], message["asked"]
        shares = await asyncio.gather(*(process.share(*asked) for process in front_ends))
        silent = [one.role for one, share in zip(front_ends, shares, strict=True) if share is None]
        asker.tell("answer", number=message["number"], shares=shares, silent=silent)

    def _stop(self) -> None:
        """Begin to drain at the first signal; end everything at once at the second."""
        if self._stopping.is_set():
            self._exit_code = 1
            for process in self._processes.values():
                process.kill()
            return
        logger.info("draining", extra={"seconds": self._settings.drain_seconds})
        self._stopping.set()

    def _tell(self, role: str, command: str) -> None:
        """Tell a process to do something, if it runs now."""
        if role in self._processes:
            self._processes[role].tell(command)


def _kind(role: str) -> str:
    return ENGINE if role == ENGINE else "front-end"
