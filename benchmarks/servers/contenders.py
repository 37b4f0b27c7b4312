"""The contenders: their commands, environments and request bodies."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from app.engine.batching.cpus import available_cpus
from benchmarks.subjects.served_model import ServedModel

PEERS = Path(__file__).parent / "peers"


@dataclass(frozen=True, slots=True)
class Tuning:
    """The settings of a contender; 0 leaves its own default.

    Attributes:
        threads: intra-op, of each session.
        callers: simultaneous requests in its thread pool (plain FastAPI).
        batch, wait_ms: largest batch, and the longest wait for it to fill.
        workers: of a peer, processes or replicas with a session each; of Classmark, front ends.
    """

    threads: int = 1
    callers: int = 0
    batch: int = 1
    wait_ms: float = 0.0
    workers: int = 1

    def __str__(self) -> str:
        words = [f"{self.threads or 'default'} threads a session"]
        words += [f"{self.callers} callers"] if self.callers else []
        words += [f"batch {self.batch}, {self.wait_ms:g} ms, {self.workers} workers"] * (
            self.batch > 1 or self.workers > 1
        )
        return "; ".join(words)


@dataclass(frozen=True, slots=True)
class Contender:
    """A server that can be started.

    Attributes:
        peer: folder under peers/ with its program; None for Classmark itself.
        others: further settings to try; the best is measured in the rounds.
        module: that runs Classmark.
    """

    name: str
    peer: str | None
    tuning: Tuning = Tuning()
    others: tuple[Tuning, ...] = field(default=(), repr=False)
    module: str = "app"

    def tuned(self, tuning: Tuning, suffix: str = "") -> "Contender":
        return replace(self, name=self.name + suffix, tuning=tuning, others=())

    def command(self, python: Path, port: int) -> list[str]:
        if self.peer is None:
            return [sys.executable, "-m", self.module]
        folder = PEERS / self.peer
        if self.peer == "bentoml":
            return [str(python), "-m", "bentoml", "serve", "app:BentoMLClassifier", "--host",
                    "127.0.0.1", "--port", str(port), "--working-dir", str(folder)]  # fmt: skip
        return [str(python), str(folder / "app.py")]

    def environment(self, served: ServedModel, ports: Sequence[int]) -> dict[str, str]:
        """Return its environment variables, including those of this process."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("CLASSMARK_", "BENCH_"))}
        if self.peer is None:
            return kept | {
                "CLASSMARK_MODEL_STORE": str(served.store),
                "CLASSMARK_PORT": str(ports[0]),
                "CLASSMARK_PRECISION": served.precision,
                "CLASSMARK_WORKERS": str(self.tuning.workers),
                "CLASSMARK_LOG_LEVEL": "warning",
                "CLASSMARK_DRAIN_SECONDS": "0",
            }
        tuning = self.tuning
        return kept | served.environment() | {
            "PYTHONPATH": str(PEERS),
            "BENCH_PORT": str(ports[0]),
            "BENCH_PORT_2": str(ports[1]),
            "BENCH_PORT_3": str(ports[2]),
            "BENCH_THREADS": str(tuning.threads),
            "BENCH_CALLERS": str(tuning.callers),
            "BENCH_BATCH": str(tuning.batch),
            "BENCH_WAIT_SECONDS": str(tuning.wait_ms / 1000),
            "BENCH_WORKERS": str(tuning.workers),
            # No usage reports from a benchmark.
            "BENTOML_DO_NOT_TRACK": "True",
            "RAY_USAGE_STATS_ENABLED": "0",
            "DO_NOT_TRACK": "1",
        }  # fmt: skip

    @property
    def path(self) -> str:
        return {None: "/v1/classify", "mlserver": "/v2/models/classify/infer"}.get(
            self.peer, "/classify"
        )

    def body(self, served: ServedModel, texts: Sequence[str]) -> dict[str, Any]:
        """Return a request body for some texts; only Classmark takes more than one."""
        match self.peer:
            case None:
                return {
                    "model": served.name,
                    "inputs": texts[0] if len(texts) == 1 else list(texts),
                }
            case "mlserver":
                tensor = {"name": "text", "shape": [1], "datatype": "BYTES", "data": [texts[0]]}
                return {"inputs": [tensor]}
            case "bentoml":
                return {"texts": [texts[0]]}
            case _:
                return {"text": texts[0]}


CPUS = available_cpus()
WINDOW = Tuning(batch=32, wait_ms=5, workers=CPUS)
# One-thread sessions only: with all cores, each peer was slower at every batch size.
GRID = tuple(
    Tuning(batch=batch, wait_ms=wait_ms, workers=CPUS)
    for batch, wait_ms in ((1, 0), (4, 1), (8, 5), (32, 5))
)
CLASSMARK = Contender("Classmark", None)
PLAIN = Contender("FastAPI, default session", "plain", Tuning(threads=0))
PLAIN_ONE_THREAD = Contender(
    "FastAPI, one-thread sessions", "plain", Tuning(), others=(Tuning(callers=CPUS),)
)
LITSERVE, BENTOML, MLSERVER, RAY = (
    Contender(name, name.split()[0].lower(), WINDOW, others=GRID)
    for name in ("LitServe", "BentoML", "MLServer", "Ray Serve")
)
QUICK = (CLASSMARK, PLAIN, PLAIN_ONE_THREAD, LITSERVE)
FULL = (*QUICK, BENTOML, MLSERVER, RAY)
