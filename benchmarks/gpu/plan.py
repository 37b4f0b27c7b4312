"""The whole plan of a run on a GPU, and a small one that tries the program on a CPU."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class GpuPlan:
    """Seconds are those of one measurement of one round.

    Attributes:
        device: `cuda` or `cpu`.
        out: for results and logs, written after every part.
        build: for checkpoints and bundles.
        base, small: names of the networks that are measured on the device and on its CPUs.
        families: whose answers are compared; empty: all.
        texts_each: numbers of texts in a request.
        workers: numbers of processes of the service, the reload's first.
        cores: numbers of cores that the service gets where no GPU is used.
    """

    device: str
    out: Path
    build: Path
    base: str = "bert-base"
    small: str = "minilm-l6"
    families: tuple[str, ...] = ()
    rounds: int = 4
    seconds: float = 0.6
    texts: int = 2048
    http_seconds: int = 3
    texts_each: tuple[int, ...] = (1, 32)
    workers: tuple[int, ...] = (4, 1, 8)
    connections: int = 256
    processes: int = 4
    alone: int = 300
    reload_seconds: int = 35
    cores: tuple[int, ...] = (16, 8, 4, 2, 1)

    @property
    def on_gpu(self) -> bool:
        return self.device == "cuda"


def make_plan(device: str, out: Path, build: Path) -> GpuPlan:
    if device == "cuda":
        return GpuPlan(device, out, build)
    return GpuPlan(
        device, out, build, base="tiny-bert", small="tiny-int8", families=("bert", "distilbert"),
        rounds=2, seconds=0.05, texts=128, http_seconds=1, workers=(2, 1), connections=16,
        processes=1, alone=20, reload_seconds=6, cores=(2, 1),
    )  # fmt: skip
