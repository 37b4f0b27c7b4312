"""Memory of many models in one process: loaded, warmed up, and asked under load.

`python -m benchmarks.measures.many_models` writes many-models.md and many-models.json.
"""

import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

from benchmarks.errors import BenchmarkError
from benchmarks.load.wrk import closed_loop
from benchmarks.plan import BATCH_CONNECTIONS, FULL
from benchmarks.report.machine import machine_line
from benchmarks.servers.contenders import CLASSMARK
from benchmarks.servers.processes import proportional_bytes, resident_bytes, usage
from benchmarks.servers.servers import Server, serving
from benchmarks.session import BenchmarkSession, make_parser, open_demo_session, run_command, say
from benchmarks.subjects.copies import copy_bundle
from benchmarks.subjects.served_model import ServedModel

COUNTS = (1, 2, 5, 10)
LOADED_WITHIN_SECONDS = 600.0
TEXT_TOKENS = 28
# Of the texts of each model some have 512 tokens.
LONG_TEXTS = 8


@dataclass(frozen=True, slots=True)
class Size:
    """Memory of a process, in bytes.

    Attributes:
        predicted: by the service, from manifests.
        loaded: resident when all models serve.
        resident, proportional: after the load; of pages that are shared the latter counts a part.
        peak: largest resident set, loading included.
    """

    models: int
    requests: int
    predicted: int
    loaded: int
    resident: int
    proportional: int
    peak: int


def measure_size(session: BenchmarkSession, count: int, seconds: int) -> Size:
    """Serve copies of a model, and ask all of them in turn."""
    served = session.served
    store = session.folder / "stores" / f"copies-{count}"
    copies = [
        ServedModel(served.title, folder, served.precision)
        for folder in copy_bundle(served.bundle, store, count, served.precision)
    ]
    log = session.folder / "logs" / f"copies-{count}.log"
    python = Path(sys.executable)
    with serving(CLASSMARK, copies[0], python, log, session.expected) as server:
        predicted = _wait_until_loaded(server, count)
        loaded = resident_bytes(server.pid)
        bodies = _bodies(session, copies)
        closed = closed_loop(server.port, CLASSMARK.path, bodies, BATCH_CONNECTIONS, seconds)
        if closed.failed or closed.refused:
            raise BenchmarkError(
                f"{closed.failed + closed.refused} of {closed.requests} requests were not "
                f"answered; look into {log}"
            )
        return Size(
            count,
            closed.requests,
            predicted,
            loaded,
            resident_bytes(server.pid),
            proportional_bytes(server.pid),
            usage(server.pid).peak_bytes,
        )


def _wait_until_loaded(server: Server, count: int) -> int:
    """Return the predicted size when all models serve."""
    opener = build_opener(ProxyHandler({}))
    deadline = time.monotonic() + LOADED_WITHIN_SECONDS
    while time.monotonic() < deadline:
        with opener.open(f"http://127.0.0.1:{server.port}/v1/models", timeout=10) as response:
            listed = json.load(response)
        if len(listed["data"]) == count:
            return int(listed["predicted_memory_bytes"])
        time.sleep(0.2)
    raise BenchmarkError(f"{count} models did not load within {LOADED_WITHIN_SECONDS:g} s")


def _bodies(session: BenchmarkSession, copies: list[ServedModel]) -> list[bytes]:
    """Return bodies that ask the models in turn, some long texts before the short ones."""
    workload = session.workload
    texts = [*workload.long_texts[:LONG_TEXTS], *workload.texts]
    asked = [CLASSMARK.body(copy, [text]) for text in texts for copy in copies]
    return [json.dumps(body).encode() for body in asked]


def write_sizes(session: BenchmarkSession, sizes: list[Size], out: Path) -> None:
    """Write the table into a folder."""
    head = session.describe()
    results = {name: head[name] for name in ("when", "machine", "workload")} | {
        "subject": f"{session.served.title}, {session.served.precision}",
        "sizes": [asdict(one) for one in sizes],
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / "many-models.json").write_text(json.dumps(results, indent=1) + "\n")
    (out / "many-models.md").write_text(_render_sizes(results))
    say(f"wrote {out / 'many-models.md'}")


def _render_sizes(results: dict[str, Any]) -> str:
    sizes = results["sizes"]
    columns = ("predicted", "loaded", "resident", "proportional", "peak")
    rows = [
        f"| {size['models']} | "
        + " | ".join(f"{size[name] / 1e6:.0f}" for name in columns)
        + f" | {size['requests']} |"
        for size in sizes
    ]
    first, last = sizes[0], sizes[-1]
    each = (last["resident"] - first["resident"]) / max(1, last["models"] - first["models"])
    return (
        f"# Memory of {last['models']} models in one process\n\n"
        f"{results['when']}; {results['subject']}; {machine_line(results['machine'])}. "
        f"Copies of the model, of 512 tokens at most, are loaded, warmed up and asked in turn by "
        f"{BATCH_CONNECTIONS} connections, one text a request; every model is asked for texts of "
        "512 tokens too. Made by `python -m benchmarks.measures.many_models`.\n\n"
        f"**Each further model takes {each / 1e6:.0f} MB.** *Predicted* is what `GET /v1/models` "
        "says before anything is loaded, *loaded* the resident set when all serve, *resident* and "
        "*proportional* (pages that are shared count in part) the sets after the load, *peak* the "
        "largest resident set, loading included; all in MB.\n\n"
        "| models | predicted | loaded | resident | proportional | peak | requests |\n"
        "| --: | --: | --: | --: | --: | --: | --: |\n" + "\n".join(rows) + "\n"
    )


def main() -> int:
    parser = make_parser("benchmarks.measures.many_models", __doc__)
    parser.add_argument("--seconds", type=int, default=30, help="of load; default: %(default)s")
    options = parser.parse_args()

    def measure() -> None:
        session = open_demo_session(options, FULL, TEXT_TOKENS)
        sizes = []
        for count in COUNTS:
            sizes.append(measure_size(session, count, options.seconds))
            say(f"  {count} models, {sizes[-1].resident / 1e6:.0f} MB")
        write_sizes(session, sizes, options.out)

    return run_command(measure)


if __name__ == "__main__":
    sys.exit(main())
