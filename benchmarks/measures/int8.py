"""`python -m benchmarks.measures.int8`: a bundle's graphs beside ONNX Runtime's dynamic int8.

Texts of the checkpoint's eval.jsonl are encoded before. One-thread callers, one on each CPU, run
them one by one; all graphs take turns in rounds, and a ratio is to fp32 in the same round.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean, median
from tempfile import TemporaryDirectory
from typing import Any, get_args

import numpy as np

from app.bundle.base import Precision
from benchmarks.errors import BenchmarkError
from benchmarks.measures.limit import seconds_per_pass
from benchmarks.plan import rotate
from benchmarks.report.machine import describe_machine, machine_line
from benchmarks.report.statistics import spread
from benchmarks.servers.peers.model import Model
from benchmarks.session import say
from benchmarks.subjects.served_model import ServedModel

BASE: Precision = "fp32"
ORDER = get_args(Precision)
DYNAMIC = "dynamic int8 of ONNX Runtime"
TABLE = (
    "| graph | MB | texts/s | times fp32 | (least to most) | labels as fp32 |\n"
    "| --- | --: | --: | --: | --- | --: |"
)


@dataclass(slots=True)
class GraphRace:
    """A loaded graph, its answers, and its texts/s in each round."""

    name: str
    bytes: int
    model: Model
    logits: list[np.ndarray[Any, Any]] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)


def load_graphs(served: ServedModel, folder: Path) -> list[GraphRace]:
    """Load the bundle's graphs, fp32 first, and the dynamic int8 graph, written into a folder."""
    graphs = served.manifest["graphs"]
    if BASE not in graphs:
        raise BenchmarkError(f"{served.bundle} has no fp32 graph; export with --precision fp32")
    files = {name: served.bundle / graphs[name]["file"] for name in sorted(graphs, key=ORDER.index)}
    files[DYNAMIC] = folder / f"{served.name}.dynamic.onnx"
    # Imported here, because only this measure needs onnx.
    from onnx import TensorProto
    from onnxruntime.quantization import quantize_dynamic

    # Shape inference knows no fused operators, whose outputs are floats.
    options = {"DefaultTensorType": TensorProto.FLOAT}
    quantize_dynamic(files[BASE], files[DYNAMIC], extra_options=options)
    common = served.environment(BASE) | {"BENCH_THREADS": "1"}
    return [
        GraphRace(name, path.stat().st_size, Model(common | {"BENCH_GRAPH": str(path)}))
        for name, path in files.items()
    ]


def race_graphs(races: Sequence[GraphRace], texts: Sequence[list[int]], rounds: int) -> None:
    """Run encoded texts through all graphs in turn; keep answers and rates."""
    for one in races:
        one.logits = [one.model.run([ids])[0] for ids in texts]
    for number in range(rounds):
        for one in rotate(races, number):
            taken = seconds_per_pass(one.model.run, [[ids] for ids in texts], 0.0)
            one.rates.append(len(texts) / taken)
        say(f"  round {number + 1}: " + ", ".join(f"{r.name} {r.rates[-1]:.0f}/s" for r in races))


def agreement(race: GraphRace, base: GraphRace, *, multi_label: bool) -> float:
    """Return the share of equal labels: of texts, of a tagger's tokens, or of label decisions."""

    def decide(logits: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return np.ravel(logits > 0 if multi_label else logits.argmax(-1))

    pairs = zip(race.logits, base.logits, strict=True)
    return float(np.mean(np.concatenate([decide(own) == decide(fp32) for own, fp32 in pairs])))


def measure_bundle(bundle: Path, texts: Sequence[str], rounds: int, folder: Path) -> str:
    """Return the section of a bundle."""
    served = ServedModel(bundle.parent.name, bundle, BASE)
    say(f"{served.name}: {len(texts)} texts")
    races, manifest = load_graphs(served, folder), served.manifest
    encoded = [races[0].model.encode(text) for text in texts]
    race_graphs(races, encoded, rounds)
    tokens = [len(ids) for ids in encoded]
    lines = [
        f"## {served.name}\n\n{manifest['source']['architecture']}, "
        f"{manifest['source']['parameters']:,} parameters; {len(texts)} texts, mean "
        f"{mean(tokens):.0f} tokens, most {max(tokens)}.\n",
        TABLE,
    ]
    for one in races:
        ratios = [rate / fp32 for rate, fp32 in zip(one.rates, races[0].rates, strict=True)]
        low, high = spread(ratios)
        share = agreement(one, races[0], multi_label=manifest["problem_type"] == "multi_label")
        lines.append(
            f"| {one.name} | {one.bytes / 1e6:.1f} | {median(one.rates):.0f} | "
            f"{median(ratios):.2f} | {low:.2f} to {high:.2f} | {share:.1%} |"
        )
    recipes = [f"- {name}: {graph['recipe']}." for name, graph in manifest["graphs"].items()]
    return "\n".join([*lines, "", *recipes])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.measures.int8", description=__doc__)
    parser.add_argument("bundles", type=Path, nargs="+", help="version folders, as models/topic/1")
    parser.add_argument("--checkpoints", type=Path, default="build/checkpoints", help="for texts")
    parser.add_argument("--texts", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="write int8.md there")
    options = parser.parse_args()
    page = [
        f"# int8 beside fp32 and dynamic quantization\n\n{datetime.now(UTC).date()}; "
        f"{machine_line(describe_machine())}; medians of {options.rounds} interleaved rounds."
    ]
    try:
        with TemporaryDirectory() as folder:
            for bundle in (one.resolve() for one in options.bundles):
                lines = (options.checkpoints / bundle.parent.name / "eval.jsonl").read_text()
                texts = [json.loads(line)["text"] for line in lines.splitlines()[: options.texts]]
                page.append(measure_bundle(bundle, texts, options.rounds, Path(folder)))
    except (BenchmarkError, OSError) as exc:
        sys.stderr.write(f"error: {exc}\n")
        return 1
    sys.stdout.write(text := "\n\n".join(page) + "\n")
    if options.out is not None:
        (options.out / "int8.md").write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
