"""`python -m benchmarks.measures.dialects`: what an API of others costs beside our own route.

One service, whose model takes no time, is asked in each API in turn; the share of our own route's
requests a second is that of the same round. A request has one text.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from benchmarks.errors import BenchmarkError
from benchmarks.load.wrk import closed_loop
from benchmarks.plan import CONNECTIONS, FULL, QUICK, rotate
from benchmarks.report.machine import machine_line
from benchmarks.servers.contenders import CLASSMARK
from benchmarks.servers.servers import Server
from benchmarks.session import BenchmarkSession, make_parser, open_demo_session, run_command, say

TIMELESS = replace(CLASSMARK, name="timeless", module="benchmarks.servers.timeless")


class Request(NamedTuple):
    body: bytes
    headers: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Spoken:
    """An API: its path, and how it asks for a text."""

    name: str
    path: str
    ask: Callable[[str], Request]


def spoken(model: str) -> list[Spoken]:
    """Return the APIs to measure; the first is our own."""

    def body(make: Callable[[str], dict[str, Any]]) -> Callable[[str], Request]:
        return lambda text: Request(json.dumps(make(text)).encode())

    v2 = f"/v2/models/{model}/infer"
    return [
        Spoken("own", "/v1/classify", body(lambda text: {"model": model, "inputs": [text]})),
        Spoken("Hugging Face", f"/models/{model}", body(lambda text: {"inputs": text})),
        Spoken("TEI", f"/tei/{model}/predict", body(lambda text: {"inputs": [[text]]})),
        Spoken("V2, JSON", v2, body(_v2_json)),
        Spoken("V2, binary", v2, _v2_binary),
    ]


def _v2_json(text: str) -> dict[str, Any]:
    return {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": [text]}]}


def _v2_binary(text: str) -> Request:
    """Ask as tritonclient does where it is told nothing."""
    raw = text.encode()
    tensor = len(raw).to_bytes(4, "little") + raw
    shape = {"name": "text", "shape": [1], "datatype": "BYTES"}
    given = shape | {"parameters": {"binary_data_size": len(tensor)}}
    asked = {"inputs": [given], "parameters": {"binary_data_output": True}}
    head = json.dumps(asked).encode()
    return Request(head + tensor, {"Inference-Header-Content-Length": str(len(head))})


def measure_dialects(session: BenchmarkSession) -> dict[str, Any]:
    """Return requests a second of each API and round."""
    apis = spoken(session.served.name)
    rates: dict[str, list[float]] = {api.name: [] for api in apis}
    with session.serving(TIMELESS) as server:
        os.kill(server.pid, signal.SIGUSR1)
        for api in apis:
            _rate(session, server, api, 1)
        for number in range(session.plan.rounds):
            say(f"round {number + 1} of {session.plan.rounds}")
            for api in rotate(apis, number):
                rates[api.name].append(_rate(session, server, api, session.plan.closed_seconds))
    return session.describe() | {"plan": "dialects", "rates": rates}


def _rate(session: BenchmarkSession, server: Server, api: Spoken, seconds: int) -> float:
    asked = [api.ask(text) for text in session.workload.texts]
    bodies, headers = [one.body for one in asked], [one.headers for one in asked]
    done = closed_loop(server.port, api.path, bodies, CONNECTIONS, seconds, headers)
    if done.refused or done.failed:
        raise BenchmarkError(f"{api.name}: {done.refused} refused, {done.failed} failed")
    return done.answers_per_second


def write_dialects(results: dict[str, Any], out: Path) -> None:
    """Write dialects.json and dialects.md into a folder."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "dialects.json").write_text(json.dumps(results, indent=1) + "\n")
    (out / "dialects.md").write_text(render(results))
    say(f"wrote {out / 'dialects.md'}")


def render(results: dict[str, Any]) -> str:
    """Return the page: medians of the rounds, and shares of our own route inside each round."""
    rates: dict[str, list[float]] = results["rates"]
    own = rates["own"]
    lines = [
        "# What an API of others costs",
        "",
        f"`python -m benchmarks.measures.dialects`, {results['when']}, "
        f"{machine_line(results['machine'])}. One text a request, {CONNECTIONS} connections, a "
        f"model that takes no time, {len(own)} rounds in turns.",
        "",
        "| API | requests/s | share of our own route |",
        "| --- | --: | --: |",
    ]
    for name, found in rates.items():
        shares = [rate / base for rate, base in zip(found, own, strict=True)]
        spread = f"{median(shares):.2f} ({min(shares):.2f} to {max(shares):.2f})"
        lines.append(f"| {name} | {median(found):,.0f} | {spread} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = make_parser("benchmarks.measures.dialects", __doc__)
    parser.add_argument("--quick", action="store_true", help="three short rounds")
    options = parser.parse_args()

    def measure() -> None:
        session = open_demo_session(options, QUICK if options.quick else FULL)
        write_dialects(measure_dialects(session), options.out)

    return run_command(measure)


if __name__ == "__main__":
    sys.exit(main())
