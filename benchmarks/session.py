"""The common ground of all measurements: a served model with its texts, and the command line."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean, median
from typing import Any

import tokenizers

from benchmarks.errors import BenchmarkError
from benchmarks.load.wrk import check_installed
from benchmarks.plan import OBJECTIVE_SECONDS, Plan
from benchmarks.report.machine import describe_machine
from benchmarks.servers.contenders import Contender
from benchmarks.servers.environments import prepare
from benchmarks.servers.peers.model import Model
from benchmarks.servers.servers import PROBE, Server, serving
from benchmarks.subjects.bundles import minilm
from benchmarks.subjects.served_model import ServedModel
from benchmarks.subjects.workload import MEDIAN_TOKENS, Workload, make_workload

STARTED = time.monotonic()


@dataclass(frozen=True, slots=True)
class BenchmarkSession:
    """One served model under one plan.

    Attributes:
        expected: highest score of the PROBE, by the model itself.
    """

    served: ServedModel
    plan: Plan
    folder: Path
    workload: Workload
    texts_file: Path
    expected: float

    @contextmanager
    def serving(
        self, contender: Contender, settings: Mapping[str, str] | None = None
    ) -> Iterator[Server]:
        python = prepare(contender, self.folder)
        name = "-".join([self.served.name, contender.name, *(settings or {})])
        log = self.folder / "logs" / f"{name}.log"
        with serving(contender, self.served, python, log, self.expected, settings) as server:
            yield server

    def bodies(self, server: Server, each: int = 1) -> list[bytes]:
        texts = self.workload.texts
        return [server.body(*texts[at : at + each]) for at in range(0, len(texts), each)]

    def describe(self) -> dict[str, Any]:
        """Return the head of a results file: plan, date, machine and workload."""
        tokenizer = _open_tokenizer(self.served)
        lengths = [len(tokenizer.encode(text).ids) for text in self.workload.texts]
        return {
            "plan": self.plan.name,
            "rounds": self.plan.rounds,
            "when": datetime.now(UTC).date().isoformat(),
            "objective_seconds": OBJECTIVE_SECONDS,
            "machine": describe_machine(),
            "workload": {
                "texts": len(lengths),
                "median_tokens": median(lengths),
                "mean_tokens": mean(lengths),
                "longest_tokens": max(lengths),
            },
        }


def make_session(
    served: ServedModel, plan: Plan, folder: Path, sources: Path, median_tokens: int = MEDIAN_TOKENS
) -> BenchmarkSession:
    """Make the workload of a served model.

    Args:
        sources: JSON lines, each with a `text`.
    """
    tokenizer = _open_tokenizer(served)
    texts = [json.loads(line)["text"] for line in sources.read_text().splitlines()]
    # A large model takes seconds for what a small one does in one.
    count = plan.texts // 8 if served.name == "base" else plan.texts
    workload = make_workload(
        texts,
        lambda text: tokenizer.encode(text, add_special_tokens=False).offsets,
        count,
        median_tokens,
    )
    texts_file = folder / f"texts-{served.name}.json"
    texts_file.write_text(json.dumps(workload.texts))
    model = Model(served.environment())
    expected = max(model.classify([PROBE])[0].values())
    return BenchmarkSession(served, plan, folder, workload, texts_file, expected)


def open_demo_session(
    options: argparse.Namespace, plan: Plan, median_tokens: int = MEDIAN_TOKENS
) -> BenchmarkSession:
    """Return the session of the demo's sentiment model, with the options of `make_parser`."""
    folder = options.build.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    served = minilm(options.checkpoint, folder)
    return make_session(served, plan, folder, options.checkpoint / "eval.jsonl", median_tokens)


def _open_tokenizer(served: ServedModel) -> Any:
    """Return the tokenizer without truncation and padding."""
    tokenizer = tokenizers.Tokenizer.from_file(str(served.tokenizer))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def make_parser(module: str, description: str | None) -> argparse.ArgumentParser:
    """Return the command line that the measurements on the demo model share."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks"), metavar="FOLDER")
    parser.add_argument(
        "--checkpoint", type=Path, default=Path("build/checkpoints/sentiment"), metavar="FOLDER",
        help="the demo's sentiment checkpoint",
    )  # fmt: skip
    parser.add_argument("--build", type=Path, default=Path("build/bench"), metavar="FOLDER",
                        help="for bundles, environments and logs")  # fmt: skip
    return parser


def run_command(measure: Callable[[], None]) -> int:
    """Run a measurement that needs wrk; return the exit code."""
    try:
        check_installed()
        measure()
    except BenchmarkError as exc:
        sys.stderr.write(f"error: {exc}\n")
        return 1
    return 0


def say(text: str) -> None:
    """Print a line of progress with the seconds so far, on standard error."""
    sys.stderr.write(f"{time.monotonic() - STARTED:6.0f} s  {text}\n")
    sys.stderr.flush()
