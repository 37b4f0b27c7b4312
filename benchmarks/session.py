"""What every measurement of a subject needs: its texts, its right answer, where things lie."""

import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import tokenizers

from benchmarks.plan import Plan
from benchmarks.servers.contenders import Contender
from benchmarks.servers.environments import prepare
from benchmarks.servers.peers.model import Model
from benchmarks.servers.servers import PROBE, Server, serving
from benchmarks.subjects.served_model import Subject
from benchmarks.subjects.workload import MEDIAN_TOKENS, Workload, make_workload

STARTED = time.monotonic()


@dataclass(frozen=True, slots=True)
class Bench:
    """One subject under one plan.

    Attributes:
        expected: highest score of the PROBE, by the model itself.
    """

    subject: Subject
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
        name = "-".join([self.subject.name, contender.name, *(settings or {})])
        log = self.folder / "logs" / f"{name}.log"
        with serving(contender, self.subject, python, log, self.expected, settings) as server:
            yield server

    def bodies(self, server: Server, texts_each: int = 1) -> list[bytes]:
        texts = self.workload.texts
        return [
            server.body(*texts[at : at + texts_each]) for at in range(0, len(texts), texts_each)
        ]


def make_bench(
    subject: Subject,
    plan: Plan,
    folder: Path,
    sources: Path,
    median_tokens: int = MEDIAN_TOKENS,
) -> Bench:
    """Make the workload of a subject.

    Args:
        sources: JSON lines with a `text` each.
    """
    tokenizer = tokenizers.Tokenizer.from_file(str(subject.tokenizer))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    texts = [json.loads(line)["text"] for line in sources.read_text().splitlines()]
    # A large model takes seconds for what a small one does in one.
    count = plan.texts // 8 if subject.name == "base" else plan.texts
    workload = make_workload(
        texts,
        lambda text: tokenizer.encode(text, add_special_tokens=False).offsets,
        count,
        median_tokens,
    )
    texts_file = folder / f"texts-{subject.name}.json"
    texts_file.write_text(json.dumps(workload.texts))
    model = Model.from_variables(subject.environment())
    expected = max(model.classify([PROBE])[0].values())
    return Bench(subject, plan, folder, workload, texts_file, expected)


def say(text: str) -> None:
    """Print a line of progress with the seconds so far."""
    sys.stdout.write(f"{time.monotonic() - STARTED:6.0f} s  {text}\n")
    sys.stdout.flush()
