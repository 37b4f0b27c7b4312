"""Stage `http`: the service in front of the engine, with one process and with several."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from app.engine.decoding import label_scores
from app.engine.tokenization import Encoding, TextInput, Tokenizer
from benchmarks import subject as benchmark_subject
from benchmarks.contenders import CLASSMARK
from benchmarks.errors import BenchmarkError
from benchmarks.generator import load_open
from benchmarks.gpu.bundles import answer
from benchmarks.gpu.device import library_path
from benchmarks.gpu.load import PATH, find_capacity, generator_name
from benchmarks.gpu.plan import Plan
from benchmarks.gpu.progress import say
from benchmarks.gpu.reload import measure_reload
from benchmarks.gpu.runners import Subject
from benchmarks.gpu.service_runner import load_servable, run_all
from benchmarks.gpu.streams import Setting, make_batches
from benchmarks.one_client import OneClient
from benchmarks.open_loop import post
from benchmarks.servers import PROBE, Server, serving
from benchmarks.statistics import percentile
from benchmarks.workload import make_workload
from export.texts import SENTENCES

LOAD = 0.7
WARM_UP_SECONDS = 1.0
TEXTS = 1024
ALONE_TOKENS = 32
ENGINE_BUDGETS = {"cuda": (4096, 8192, 16_384), "cpu": (256, 512)}
STRIDE = 64


def measure_service(
    subject: Subject, plan: Plan, keep: Callable[[dict[str, Any]], None] = lambda _: None
) -> dict[str, Any]:
    """Return each round's rates, latencies at a share of capacity, one client, and a reload.

    Args:
        keep: hears of what there is so far, after every server.
    """
    texts = _make_texts(subject, TEXTS if plan.device == "cuda" else TEXTS // 8)
    tokenizer = Tokenizer(subject.checkpoint.tokenizer_json, subject.checkpoint.max_length, STRIDE)
    encoded = [tokenizer.encode(TextInput(text), "truncate", 1).windows[0] for text in texts]
    found: dict[str, Any] = {
        "title": subject.network.title,
        "generator": generator_name(plan.processes),
        "tokens": sum(one.tokens for one in encoded) / len(encoded),
        "engine": [],
        "rows": [],
        "alone": {},
        "reload": None,
        "missing": {},
    }
    engine = _Engine(subject, encoded)
    for number in range(plan.http_rounds):
        found["engine"].append(engine.measure(plan.engine_seconds))
        say(f"{found['title']}, round {number + 1}: engine alone {found['engine'][-1]:.0f} texts/s")
        for workers in plan.workers:
            try:
                with running(subject, plan, workers) as server:
                    rows = _load_server(server, plan, texts, workers)
                    if number == 0:
                        found["alone"][str(workers)] = _one_client(server, plan, texts, encoded)
            except BenchmarkError as exc:
                found["missing"][f"{workers} front ends, round {number + 1}"] = str(exc)
                say(f"  {workers} front ends: {exc}")
            else:
                found["rows"] += [row | {"round": number} for row in rows]
            keep(found)
    engine.close()
    try:
        found["reload"] = measure_reload(
            subject, plan, lambda copied: running(copied, plan, max(plan.workers)), texts
        )
    except BenchmarkError as exc:
        found["missing"]["reload"] = str(exc)
    return found


@contextmanager
def running(subject: Subject, plan: Plan, workers: int) -> Iterator[Server]:
    """Run `python -m app` on the device with the subject's store.

    Raises:
        BenchmarkError: it does not start, or answers something else than the checkpoint.
    """
    served = benchmark_subject.Subject(subject.network.title, subject.bundle.path, "fp16")
    settings = {
        "CLASSMARK_DEVICE": plan.device,
        "CLASSMARK_WORKERS": str(workers),
        "CLASSMARK_PRECISION": "auto",
        "CLASSMARK_LOG_LEVEL": "info",
    }
    if plan.device == "cuda":
        settings["LD_LIBRARY_PATH"] = library_path()
    model: Any = subject.checkpoint.model
    model.to("cpu")  # its memory on the device is the service's now
    expected = float(label_scores(answer(subject.checkpoint, PROBE), "single_label").max())
    log = plan.build / "logs" / f"{subject.network.name}-{workers}.log"
    with serving(CLASSMARK, served, Path(sys.executable), log, expected, settings) as server:
        yield server


def _load_server(
    server: Server, plan: Plan, texts: Sequence[str], workers: int
) -> list[dict[str, Any]]:
    """Return a row for each number of texts in a request."""
    rows: list[dict[str, Any]] = []
    for each in plan.texts_each:
        bodies = [
            server.body(*texts[at : at + each]) for at in range(0, len(texts) - each + 1, each)
        ]
        connections = max(4 * workers, plan.connections // each)
        measured = (bodies, connections)
        find_capacity(server.port, *measured, WARM_UP_SECONDS, plan.processes)
        closed = find_capacity(server.port, *measured, plan.http_seconds, plan.processes)
        rate: float = closed.answers_per_second
        if not rate:
            raise BenchmarkError(f"no good answer with {each} texts a request: {closed}")
        opened = load_open(
            server.port, PATH, bodies, LOAD * rate, plan.http_seconds, plan.processes
        )
        rows.append(
            {
                "workers": workers,
                "texts_each": each,
                "connections": connections,
                "requests_per_second": rate,
                "texts_per_second": rate * each,
                "closed": asdict(closed),
                "open_p50": percentile(opened.latencies, 0.5),
                "open_p99": percentile(opened.latencies, 0.99),
                "open_failed": opened.failed + opened.refused,
            }
        )
        say(
            f"  {workers} front ends, {each} texts: {rate:.0f} requests/s, {rate * each:.0f} "
            f"texts/s; at 70 % p99 {rows[-1]['open_p99'] * 1e3:.1f} ms"
        )
    return rows


def _one_client(
    server: Server, plan: Plan, texts: Sequence[str], encoded: Sequence[Encoding]
) -> float:
    """Return the median seconds of a request with one text of about 32 tokens, one at a time."""
    request = post(PATH, server.body(texts[_nearest(encoded, ALONE_TOKENS)]))
    client = OneClient(server.port)
    taken = [client.ask(request) for _ in range(plan.alone)]
    client.close()
    say(f"  one client alone: {median(taken) * 1e3:.2f} ms")
    return median(taken)


def _nearest(encoded: Sequence[Encoding], tokens: int) -> int:
    return min(range(len(encoded)), key=lambda at: abs(encoded[at].tokens - tokens))


def _make_texts(subject: Subject, count: int) -> tuple[str, ...]:
    """Return sentences joined and cut to the mixed stream's lengths."""
    tokenizer: Any = subject.checkpoint.tokenizer.backend_tokenizer

    def offsets(text: str) -> Sequence[tuple[int, int]]:
        found: list[tuple[int, int]] = tokenizer.encode(text, add_special_tokens=False).offsets
        return found

    return make_workload(SENTENCES, offsets, count).texts


class _Engine:
    """What the service's engine gives without HTTP, on the very texts that are sent."""

    def __init__(self, subject: Subject, encoded: Sequence[Encoding]) -> None:
        self._servable = load_servable(subject)
        layout = self._servable.runs_on.kind
        self._texts = len(encoded)
        self._choices = [
            make_batches(encoded, Setting(budget, ordered=True), layout)
            for budget in ENGINE_BUDGETS[subject.device]
        ]

    def measure(self, seconds: float) -> float:
        """Return the texts a second with the best batch size."""
        return max(self._measure(choice, seconds) for choice in self._choices)

    def _measure(self, batches: Sequence[Sequence[Encoding]], seconds: float) -> float:
        made = [tuple(batch) for batch in batches]
        run_all([self._servable], made)
        passes, started = 0, time.perf_counter()
        while not passes or time.perf_counter() - started < seconds:
            run_all([self._servable], made)
            passes += 1
        return passes * self._texts / (time.perf_counter() - started)

    def close(self) -> None:
        del self._servable
