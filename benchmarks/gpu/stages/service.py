"""Stage `http`: the service in front of the engine, with one process and with several."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from statistics import median
from typing import Any

from app.engine.text.encoding import Encoding, TextInput
from app.engine.text.tokenization import Tokenizer
from benchmarks.errors import BenchmarkError
from benchmarks.gpu.plan import GpuPlan
from benchmarks.gpu.runners.service_runner import load_servable, measure_rate
from benchmarks.gpu.stages.reload import measure_reload
from benchmarks.gpu.stages.server import running
from benchmarks.gpu.subjects.bundles import LoadedNetwork
from benchmarks.gpu.subjects.streams import Setting, make_batches
from benchmarks.load.generator import load_open
from benchmarks.load.open_loop import post
from benchmarks.load.wrk import closed_loop
from benchmarks.measures.latency.single_client import SingleClient
from benchmarks.report.statistics import percentile
from benchmarks.servers.contenders import CLASSMARK
from benchmarks.servers.servers import Server
from benchmarks.session import say
from benchmarks.subjects.workload import make_workload
from export.reference.sample_texts import SENTENCES

LOAD = 0.7
# Tokens of a batch for the engine alone, of which the best counts.
BUDGETS = {"cuda": (4096, 8192, 16_384), "cpu": (256, 512)}
WARM_UP_SECONDS = 1
TEXTS = 1024
ALONE_TOKENS = 32
STRIDE = 64


def measure_service(
    loaded: LoadedNetwork, plan: GpuPlan, keep: Callable[[dict[str, Any]], None] = lambda _: None
) -> dict[str, Any]:
    """Return the rates of each round, latencies at a share of capacity, one client, and a reload.

    Args:
        keep: gets the results so far after every server.
    """
    texts = _make_texts(loaded, TEXTS if plan.device == "cuda" else TEXTS // 8)
    tokenizer = Tokenizer(loaded.checkpoint.tokenizer_json, loaded.checkpoint.max_length, STRIDE)
    encoded = [tokenizer.encode(TextInput(text), "truncate", 1).windows[0] for text in texts]
    found: dict[str, Any] = {
        "title": loaded.network.title,
        "tokens": sum(one.tokens for one in encoded) / len(encoded),
        "engine": [],
        "rows": [],
        "alone": {},
        "reload": None,
        "missing": {},
    }
    servable = load_servable(loaded)
    choices = [
        make_batches(encoded, Setting(budget, ordered=True), servable.runtime.kind)
        for budget in BUDGETS[loaded.device]
    ]
    for number in range(plan.http_rounds):
        found["engine"].append(
            max(measure_rate([servable], one, len(texts), plan.engine_seconds) for one in choices)
        )
        say(f"{found['title']}, round {number + 1}: engine alone {found['engine'][-1]:.0f} texts/s")
        for workers in plan.workers:
            with _missing(found, f"{workers} front ends, round {number + 1}"):
                _measure_server(loaded, plan, (texts, encoded), workers, number, found)
            keep(found)
    del servable
    with _missing(found, "reload"):
        most = max(plan.workers)
        found["reload"] = measure_reload(loaded, plan, lambda s: running(s, plan, most), texts)
    return found


@contextmanager
def _missing(found: dict[str, Any], part: str) -> Iterator[None]:
    """Note a part that could not be measured, and go on."""
    try:
        yield
    except BenchmarkError as exc:
        found["missing"][part] = str(exc)
        say(f"  {part}: {exc}")


def _measure_server(
    loaded: LoadedNetwork,
    plan: GpuPlan,
    workload: tuple[Sequence[str], Sequence[Encoding]],
    workers: int,
    number: int,
    found: dict[str, Any],
) -> None:
    """Add the figures of one server; one client alone is measured in the first round only."""
    texts, encoded = workload
    with running(loaded, plan, workers) as server:
        rows = [
            _load_server(server, plan, texts, workers, each) | {"round": number}
            for each in plan.texts_each
        ]
        if number == 0:
            found["alone"][str(workers)] = _one_client(server, plan, texts, encoded)
    found["rows"] += rows


def _load_server(
    server: Server, plan: GpuPlan, texts: Sequence[str], workers: int, each: int
) -> dict[str, Any]:
    """Return the row for this number of texts in a request."""
    bodies = [server.body(*texts[at : at + each]) for at in range(0, len(texts) - each + 1, each)]
    connections = max(4 * workers, plan.connections // each)
    closed_loop(server.port, CLASSMARK.path, bodies, connections, WARM_UP_SECONDS)
    closed = closed_loop(server.port, CLASSMARK.path, bodies, connections, round(plan.http_seconds))
    rate = closed.answers_per_second
    if not rate:
        raise BenchmarkError(f"no good answer with {each} texts a request: {closed}")
    opened = load_open(
        server.port, CLASSMARK.path, bodies, LOAD * rate, plan.http_seconds, plan.processes
    )
    latencies = opened.latencies()
    p50, p99 = (percentile(latencies, share) for share in (0.5, 0.99))
    say(
        f"  {workers} front ends, {each} texts: {rate:.0f} requests/s, {rate * each:.0f} texts/s; "
        f"at 70 % p99 {p99 * 1e3:.1f} ms"
    )
    return {
        "workers": workers,
        "texts_each": each,
        "connections": connections,
        "requests_per_second": rate,
        "texts_per_second": rate * each,
        "closed": asdict(closed),
        "open_p50": p50,
        "open_p99": p99,
        "open_failed": opened.sent - len(latencies),
    }


def _one_client(
    server: Server, plan: GpuPlan, texts: Sequence[str], encoded: Sequence[Encoding]
) -> float:
    """Return the median seconds of a request with one text of about 32 tokens, sent one by one."""
    request = post(CLASSMARK.path, server.body(texts[_nearest(encoded, ALONE_TOKENS)]))
    client = SingleClient(server.port)
    taken = [client.ask(request) for _ in range(plan.alone)]
    client.close()
    say(f"  one client alone: {median(taken) * 1e3:.2f} ms")
    return median(taken)


def _nearest(encoded: Sequence[Encoding], tokens: int) -> int:
    return min(range(len(encoded)), key=lambda at: abs(encoded[at].tokens - tokens))


def _make_texts(loaded: LoadedNetwork, count: int) -> tuple[str, ...]:
    """Return sentences, joined and cut to the lengths of the mixed stream."""
    tokenizer: Any = loaded.checkpoint.tokenizer.backend_tokenizer

    def offsets(text: str) -> Sequence[tuple[int, int]]:
        found: list[tuple[int, int]] = tokenizer.encode(text, add_special_tokens=False).offsets
        return found

    return make_workload(SENTENCES, offsets, count).texts
