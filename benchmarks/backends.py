"""`python -m benchmarks.backends`: the backends on the same bundles, beside ONNX Runtime fp32."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np

from app.bundle import Bundle, open_bundle
from app.engine.backends.selection import select_backends
from app.engine.batching.executors import available_cpus
from app.engine.models.golden import check_golden
from app.engine.models.servable import Servable
from app.engine.models.warm_up import profile_cost
from app.engine.text.encoding import Encoding, TextInput
from app.errors import BundleError
from benchmarks.report.machine import describe_machine
from export.compare.subjects import read_subject
from export.parity.agreement import compare_logits
from export.parity.measure import run_alone

BASE = "onnxruntime fp32"
METHOD = (
    "Texts of each model's own evaluation file, encoded before and run one by one by one-thread "
    "callers, one a CPU; all runtimes take turns, and a ratio is to ONNX Runtime fp32 in its round."
)
TABLE = (
    "| runtime | of ONNX Runtime fp32 | (least to most) | texts/s | same labels | largest score "
    "change | load s |\n| --- | --: | --- | --: | --: | --: | --: |"
)


def load(bundle: Bundle) -> tuple[list[tuple[Servable, float]], list[str]]:
    """Return what may serve with the seconds it took to load, BASE first; and who was refused."""
    found, refused = [], []
    for backend in select_backends("auto", "cpu", None, available_cpus()):
        for mode in backend.modes:
            if mode.precision == "fp16" or mode.find_graph(bundle.manifest) is None:
                continue
            started = time.perf_counter()
            try:
                servable = Servable.load(bundle, backend, mode)
                check_golden(servable)
                servable.cost = profile_cost(servable, backend.warm_up_shapes)
            except BundleError as exc:
                refused.append(f"{backend.name} {mode} may not serve: {exc}.")
            else:
                found.append((servable, time.perf_counter() - started))
    return sorted(found, key=lambda one: one[0].runtime != BASE), refused


def measure(bundle: Bundle, texts: Sequence[str], rounds: int) -> str:
    """Return the section of a bundle."""
    config = read_subject(bundle.path, None).config
    loaded, refused = load(bundle)
    servables = [servable for servable, _ in loaded]
    encoded = [servables[0].encode(TextInput(text), "truncate", 1).windows[0] for text in texts]
    run = partial(run_alone, encodings=encoded, callers=available_cpus())
    answers = [run(servable)[0] for servable in servables]  # and OpenVINO meets every shape
    rates = [[len(texts) / run(servable)[1] for servable in servables] for _ in range(rounds)]
    lines = [_describe(bundle, encoded), "", TABLE]
    for (servable, seconds), rows, *own in zip(loaded, answers, *rates, strict=True):
        ratios = [rate / base[0] for rate, base in zip(own, rates, strict=True)]
        found = compare_logits(config, encoded, answers[0], rows)
        lines.append(
            f"| {servable.runtime} | {median(ratios):.2f} | {min(ratios):.2f} to {max(ratios):.2f} "
            f"| {median(own):.0f} | {found.share:.1%} | {found.score_difference:.4f} "
            f"| {seconds:.1f} |"
        )
    return "\n".join([*lines, *(f"\n{line}" for line in refused)])


def _describe(bundle: Bundle, encoded: Sequence[Encoding]) -> str:
    manifest, tokens = bundle.manifest, [encoding.tokens for encoding in encoded]
    return (
        f"## {manifest.name}\n\n{manifest.source.architecture}, {manifest.source.parameters:,} "
        f"parameters; {len(tokens)} texts, mean {np.mean(tokens):.0f} tokens, most {max(tokens)}."
    )


def render(sections: Sequence[str], rounds: int) -> str:
    """Return the page."""
    machine = describe_machine()
    versions = [f"{name} {version}" for name, version in machine["packages"].items()]
    head = (
        f"# Backends\n\n{datetime.now(UTC).date()}; {machine['cpus']} CPUs of {machine['cpu']} "
        f"({', '.join(machine['flags'])}); {', '.join(versions)}; medians of {rounds} rounds. "
    )
    return "\n\n".join([head + METHOD, *sections]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.backends", description=__doc__)
    parser.add_argument("bundles", type=Path, nargs="+", help="version folders, as models/topic/1")
    parser.add_argument("--checkpoints", type=Path, default="build/checkpoints", help="for texts")
    parser.add_argument("--texts", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, help="file to write, as docs/benchmarks/backends.md")
    options = parser.parse_args()
    sections = []
    try:
        for bundle in [open_bundle(folder.resolve()) for folder in options.bundles]:
            examples = options.checkpoints / bundle.manifest.name / "eval.jsonl"
            lines = examples.read_text().splitlines()[: options.texts]
            texts = [json.loads(line)["text"] for line in lines]
            sections.append(measure(bundle, texts, options.rounds))
    except (BundleError, OSError, ValueError) as exc:
        parser.error(str(exc))
    sys.stdout.write(page := render(sections, options.rounds))
    if options.out:
        options.out.write_text(page)


if __name__ == "__main__":
    main()
