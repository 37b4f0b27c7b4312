"""The full plan of a GPU benchmark, and a quick one of few rounds and small streams."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class GpuPlan:
    """Seconds are those of one measurement of one round.

    Attributes:
        lengths: in tokens, of the streams with one length.
        texts: number of them in the mixed stream.
        workers: numbers of front ends to try.
        texts_each: numbers of texts in a request to try.
        processes: that make the load of the open loop.
        alone: requests of one client alone.
    """

    device: str
    build: Path
    rounds: int = 5
    engine_seconds: float = 0.5
    pilot_seconds: float = 0.15
    lengths: tuple[int, ...] = (32, 128, 384)
    texts: int = 2048
    http_rounds: int = 3
    http_seconds: float = 4.0
    workers: tuple[int, ...] = (1, 4, 8)
    texts_each: tuple[int, ...] = (1, 32, 128)
    connections: int = 256
    processes: int = 4
    alone: int = 300
    reload_seconds: float = 45.0


def quick(device: str, build: Path) -> GpuPlan:
    """Return a plan that tries every part; on a CPU with small sizes."""
    few = GpuPlan(
        device, build, rounds=2, engine_seconds=0.2, http_rounds=1, http_seconds=2.0, alone=50,
        reload_seconds=30.0,
    )  # fmt: skip
    if device == "cuda":
        return few
    return GpuPlan(
        device, build, rounds=2, engine_seconds=0.05, pilot_seconds=0.02, lengths=(32,), texts=128,
        http_rounds=1, http_seconds=1.0, workers=(1,), texts_each=(1, 32), connections=16,
        processes=1, alone=20, reload_seconds=4.0,
    )  # fmt: skip
