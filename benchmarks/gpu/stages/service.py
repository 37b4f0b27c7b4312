"""Stage `service`: HTTP in front of the engine with one process and several; reload under load."""

import json
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from statistics import median
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

from app.engine.models.servable import make_tokenizer
from app.engine.text.encoding import Encoding, TextInput
from benchmarks.errors import BenchmarkError
from benchmarks.gpu.contenders import CAPTURED, EAGER, open_contender
from benchmarks.gpu.device import library_path, memory_taken
from benchmarks.gpu.plan import GpuPlan
from benchmarks.gpu.report import SLACK_BYTES
from benchmarks.gpu.results import Results
from benchmarks.gpu.subjects.bundles import open_made
from benchmarks.gpu.subjects.streams import Setting, make_batches
from benchmarks.gpu.switches import environment
from benchmarks.load.generator import load_open
from benchmarks.load.open_loop import post
from benchmarks.load.wrk import closed_loop
from benchmarks.measures.capacity import load_server
from benchmarks.measures.latency.single_client import SingleClient
from benchmarks.measures.limit import seconds_per_pass
from benchmarks.measures.workers import with_workers
from benchmarks.plan import Plan
from benchmarks.report.statistics import percentile
from benchmarks.servers.servers import Server
from benchmarks.session import BenchmarkSession, make_session, say
from benchmarks.subjects.served_model import ServedModel
from export.reference.sample_texts import SENTENCES

LOAD = 0.7
ALONE_TOKENS = 32
# Tokens of a batch for the engine alone, of which the best counts.
BUDGETS = {"cuda": (8192, 16_384), "cpu": (256, 512)}
VERSIONS = (2, 3)
RELOAD_CONNECTIONS, RELOAD_TEXTS = 32, 8
SETTLE_SECONDS = 10.0
LOG_CHARACTERS = 6000


def measure(plan: GpuPlan, results: Results) -> None:
    bundle, _ = open_made(plan, plan.base)
    session = open_session(plan, plan.base, "fp32")
    tokenizer = make_tokenizer(bundle.read_tokenizer(), bundle.manifest)
    texts = [TextInput(text) for text in session.workload.texts]
    encoded = [tokenizer.encode(text, "truncate", 1).windows[0] for text in texts]
    tokens = sum(one.tokens for one in encoded) / len(encoded)
    found: dict[str, Any] = {"tokens": tokens, "rows": [], "alone": {}, "reload": None}
    with results.part("service: engine alone"):
        found["engine"] = _engine_rate(plan, encoded)
        say(f"  engine alone: {found['engine']:.0f} texts/s of {tokens:.1f} tokens")
    for workers in plan.workers:
        for version in VERSIONS:  # of a server before
            shutil.rmtree(bundle.path.with_name(str(version)), ignore_errors=True)
        with (
            results.part(f"service: {workers} workers"),
            _serving(plan, session, workers) as server,
        ):
            found.setdefault("start_seconds", {})[str(workers)] = server.start_seconds
            for each in plan.texts_each:
                found["rows"].append({"workers": workers} | _load(plan, session, server, each))
                results.keep("service", found)
            found["alone"][str(workers)] = _one_client(plan, server, session, encoded)
            results.keep("service", found)
            if workers == plan.workers[0]:
                found["reload"] = _reload(plan, session, server)
        log = next((session.folder / "logs").glob(f"*{workers} worker*"), None)
        found.setdefault("logs", {})[str(workers)] = log and log.read_text()[-LOG_CHARACTERS:]
        results.keep("service", found)


def open_session(plan: GpuPlan, name: str, precision: Any) -> BenchmarkSession:
    """Return the session of a made bundle; the precision's graph gives the expected answer."""
    folder = plan.build / "session"
    folder.mkdir(exist_ok=True)
    sources = folder / "sentences.jsonl"
    sources.write_text("".join(json.dumps({"text": text}) + "\n" for text in SENTENCES))
    bundle, _ = open_made(plan, name)
    shared = Plan("gpu", plan.rounds, plan.texts // 2, 0.3, plan.http_seconds, plan.http_seconds,
                  plan.alone, whole=False)  # fmt: skip
    return make_session(ServedModel(name, bundle.path, precision), shared, folder, sources)


@contextmanager
def _serving(plan: GpuPlan, session: BenchmarkSession, workers: int) -> Iterator[Server]:
    settings = {"CLASSMARK_DEVICE": plan.device, "CLASSMARK_PRECISION": "auto",
                "CLASSMARK_LOG_LEVEL": "info"} | environment()  # fmt: skip
    if plan.on_gpu:
        settings["LD_LIBRARY_PATH"] = library_path()
    with session.serving(with_workers(workers), settings) as server:
        yield server


def _engine_rate(plan: GpuPlan, encoded: Sequence[Encoding]) -> float:
    """Return the texts/s of the session that the service would load, with the better budget."""
    bundle, checkpoint = open_made(plan, plan.base)
    contender = CAPTURED if plan.on_gpu else EAGER
    session = open_contender(contender, bundle, checkpoint, plan.device)
    choices = [make_batches(encoded, Setting(budget), "packed") for budget in BUDGETS[plan.device]]
    for batches in choices:
        seconds_per_pass(session.run, batches, 0.0, 2)
    return max(
        len(encoded) / seconds_per_pass(session.run, batches, plan.seconds, 2)
        for batches in choices
    )


def _load(plan: GpuPlan, session: BenchmarkSession, server: Server, each: int) -> dict[str, Any]:
    """Return a closed loop's row, and the latencies of an open loop at a share of its rate."""
    connections = max(16, plan.connections // each)
    row = load_server(session, server, each, plan.http_seconds, connections)
    rate = row["texts_per_second"] / each
    bodies, path = session.bodies(server, each), server.contender.path
    opened = load_open(server.port, path, bodies, LOAD * rate, plan.http_seconds, plan.processes)
    latencies = opened.latencies()
    p50, p99 = (percentile(latencies, share) for share in (0.5, 0.99))
    say(f"  {each} texts a request: {rate:.0f} requests/s; at 70 % p99 {p99 * 1e3:.1f} ms")
    return {"texts_each": each, "connections": connections, "requests_per_second": rate,
            "open_p50": p50, "open_p99": p99, "open_failed": opened.sent - len(latencies),
            } | row  # fmt: skip


def _one_client(
    plan: GpuPlan, server: Server, session: BenchmarkSession, encoded: Sequence[Encoding]
) -> float:
    """Return the median seconds of a request with one text of about 32 tokens, sent one by one."""
    at = min(range(len(encoded)), key=lambda i: abs(encoded[i].tokens - ALONE_TOKENS))
    request = post(server.contender.path, server.body(session.workload.texts[at]))
    client = SingleClient(server.port)
    taken = [client.ask(request) for _ in range(plan.alone)]
    client.close()
    say(f"  one client alone: {median(taken) * 1e3:.2f} ms")
    return median(taken)


def _reload(plan: GpuPlan, session: BenchmarkSession, server: Server) -> dict[str, Any]:
    """Add two versions under load; return failures, and the device's memory before and after."""
    bodies = session.bodies(server, RELOAD_TEXTS)
    before, peak = memory_taken(plan.device), _Peak(plan.device)
    with ThreadPoolExecutor(2) as pool:
        watching = pool.submit(peak.watch)
        load = pool.submit(
            closed_loop, server.port, server.contender.path, bodies, RELOAD_CONNECTIONS,
            plan.reload_seconds,
        )  # fmt: skip
        try:
            taken = [_swap(session.served, server, one, load.done) for one in VERSIONS]
            in_time = not load.done()
            seen = load.result()
        finally:
            peak.ended.set()
        watching.result()
    deadline = time.monotonic() + SETTLE_SECONDS
    while (after := memory_taken(plan.device)) > before + SLACK_BYTES:
        if time.monotonic() > deadline:
            break
        time.sleep(0.2)
    say(f"  reload: {seen.requests} requests, {seen.failed} failed, {seen.refused} refused")
    return {"seconds": taken, "in_time": in_time, "requests": seen.requests + seen.failed,
            "failed": seen.failed + seen.refused, "memory_before": before,
            "memory_most": peak.bytes, "memory_after": after}  # fmt: skip


class _Peak:
    """The most memory of the device that was seen taken."""

    def __init__(self, device: str) -> None:
        self._device = device
        self.bytes = 0
        self.ended = threading.Event()

    def watch(self) -> None:
        while not self.ended.wait(0.1):
            self.bytes = max(self.bytes, memory_taken(self._device))


def _swap(served: ServedModel, server: Server, version: int, late: Any) -> float:
    """Put a version into the store; return the seconds until it serves."""
    first = served.bundle
    staged = first.with_name(f".{version}")
    shutil.copytree(first, staged)
    (staged / "manifest.json").write_text(json.dumps(served.manifest | {"version": version}))
    started = time.perf_counter()
    staged.rename(first.with_name(str(version)))
    while not late():
        if _served_version(server) == version:
            return time.perf_counter() - started
        time.sleep(0.05)
    raise BenchmarkError(f"version {version} was not loaded while the load lasted")


def _served_version(server: Server) -> int:
    url = f"http://127.0.0.1:{server.port}{server.contender.path}"
    request = Request(url, server.body("ok"), {"Content-Type": "application/json"})
    with build_opener(ProxyHandler({})).open(request, timeout=30) as response:
        return int(json.load(response)["version"])
