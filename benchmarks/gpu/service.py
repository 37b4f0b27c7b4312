"""Stage `http`: the service in front of the engine, with one process and with several."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from statistics import median
from typing import Any

from app.engine.text.encoding import Encoding, TextInput
from app.engine.text.tokenization import Tokenizer
from benchmarks.errors import BenchmarkError
from benchmarks.gpu.engine_rate import EngineRate
from benchmarks.gpu.load import PATH, find_capacity, generator_name
from benchmarks.gpu.plan import Plan
from benchmarks.gpu.progress import say
from benchmarks.gpu.reload import measure_reload
from benchmarks.gpu.runners import Subject
from benchmarks.gpu.server import running
from benchmarks.load.generator import load_open
from benchmarks.load.open_loop import post
from benchmarks.measures.one_client import OneClient
from benchmarks.report.statistics import percentile
from benchmarks.servers.servers import Server
from benchmarks.subjects.workload import make_workload
from export.reference.sample_texts import SENTENCES

LOAD = 0.7
WARM_UP_SECONDS = 1.0
TEXTS = 1024
ALONE_TOKENS = 32
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
    engine = EngineRate(subject, encoded)
    for number in range(plan.http_rounds):
        found["engine"].append(engine.measure(plan.engine_seconds))
        say(f"{found['title']}, round {number + 1}: engine alone {found['engine'][-1]:.0f} texts/s")
        for workers in plan.workers:
            with _missing(found, f"{workers} front ends, round {number + 1}"):
                _measure_server(subject, plan, (texts, encoded), workers, number, found)
            keep(found)
    engine.close()
    with _missing(found, "reload"):
        most = max(plan.workers)
        found["reload"] = measure_reload(subject, plan, lambda s: running(s, plan, most), texts)
    return found


@contextmanager
def _missing(found: dict[str, Any], part: str) -> Iterator[None]:
    """Note what could not be measured, and go on."""
    try:
        yield
    except BenchmarkError as exc:
        found["missing"][part] = str(exc)
        say(f"  {part}: {exc}")


def _measure_server(
    subject: Subject,
    plan: Plan,
    workload: tuple[Sequence[str], Sequence[Encoding]],
    workers: int,
    number: int,
    found: dict[str, Any],
) -> None:
    """Add what one server gives; one client alone is measured in the first round only."""
    texts, encoded = workload
    with running(subject, plan, workers) as server:
        rows = [
            _load_server(server, plan, texts, workers, each) | {"round": number}
            for each in plan.texts_each
        ]
        if number == 0:
            found["alone"][str(workers)] = _one_client(server, plan, texts, encoded)
    found["rows"] += rows


def _load_server(
    server: Server, plan: Plan, texts: Sequence[str], workers: int, each: int
) -> dict[str, Any]:
    """Return the row of so many texts in a request."""
    bodies = [server.body(*texts[at : at + each]) for at in range(0, len(texts) - each + 1, each)]
    connections = max(4 * workers, plan.connections // each)
    find_capacity(server.port, bodies, connections, WARM_UP_SECONDS, plan.processes)
    closed = find_capacity(server.port, bodies, connections, plan.http_seconds, plan.processes)
    rate: float = closed.answers_per_second
    if not rate:
        raise BenchmarkError(f"no good answer with {each} texts a request: {closed}")
    opened = load_open(server.port, PATH, bodies, LOAD * rate, plan.http_seconds, plan.processes)
    p50, p99 = (percentile(opened.latencies, share) for share in (0.5, 0.99))
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
        "open_failed": opened.failed + opened.refused,
    }


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
