"""Stage `parity`: compares the fp16 graphs on the device with the fp32 checkpoint, text by text."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

import numpy as np

from app.bundle.base import Task
from app.bundle.bundle import open_bundle
from app.engine.answers.decoding import label_scores
from app.engine.text.encoding import Logits, TextInput
from app.engine.text.tokenization import Tokenizer
from benchmarks.errors import BenchmarkError, Unavailable
from benchmarks.gpu.runners.base import Runner
from benchmarks.gpu.runners.lineup import ANSWERING, CAPTURED, PACKED, SERVICE, make_runner
from benchmarks.gpu.subjects.bundles import (
    LoadedNetwork,
    answer_in_torch,
    open_network,
    write_bundle,
)
from benchmarks.gpu.subjects.networks import Network
from benchmarks.session import say
from export.checkpoint.load import load_checkpoint
from export.graphs.packed.families import LAYOUTS
from export.reference.sample_texts import built_in_texts
from tests.support.checkpoints import make_checkpoint
from tests.support.families import FAMILIES, Family

AGREEMENT, DIFFERENCE = 0.999, 5e-3
STRIDE = 64
TOGETHER = 16
# The runners that decide the exit code; the padded graph is there for comparison.
HELD = (PACKED, CAPTURED, SERVICE)


@dataclass(frozen=True, slots=True)
class ParityRow:
    """The answers of one runner for one checkpoint.

    Attributes:
        how: `alone` or `batched`.
        compared: number of compared labels: one for each text, or for each token of a tagger.
        difference: the largest of all scores.
        held: whether it keeps the limits; None if it need not.
    """

    network: str
    task: str
    runner: str
    how: str
    compared: int
    agreement: float
    difference: float
    held: bool | None


def measure_parity(
    networks: Sequence[Network], build: Path, device: str, families: Sequence[Family] = FAMILIES
) -> dict[str, Any]:
    """Return the rows of tiny checkpoints and networks, and the reasons for missing ones."""
    rows: list[ParityRow] = []
    missing: dict[str, str] = {}
    with TemporaryDirectory() as folder:
        for loaded in _tiny(families, Path(folder), device, missing):
            rows += _compare(loaded, missing)
    for network in networks:
        rows += _compare(open_network(network, build, device), missing)
    return {"rows": [asdict(one) for one in rows], "missing": missing}


def compare_logits(expected: Sequence[Logits], got: Sequence[Logits]) -> tuple[int, float, float]:
    """Return the number of labels, the share that agrees, and the largest score difference."""
    wanted = np.concatenate([np.atleast_2d(label_scores(x, "single_label")) for x in expected])
    found = np.concatenate([np.atleast_2d(label_scores(x, "single_label")) for x in got])
    if wanted.shape != found.shape:
        raise BenchmarkError(f"scores of the shape {found.shape}, not {wanted.shape}")
    agreement = float((wanted.argmax(-1) == found.argmax(-1)).mean())
    return len(wanted), agreement, float(np.abs(wanted - found).max())


def _tiny(
    families: Sequence[Family], folder: Path, device: str, missing: dict[str, str]
) -> Iterator[LoadedNetwork]:
    """Yield each family's tiny checkpoints of both tasks, if it can have a packed graph."""
    for family in families:
        if family.name not in LAYOUTS:
            missing[family.name] = "no packed graph for this family"
            continue
        for task in get_args(Task):
            name = f"{family.name}-{task.partition('-')[0]}"
            network = Network(name, f"tiny {family.name}", family.name, 0, 0, 0, 0)
            bundle = folder / "store" / name / "1"
            try:
                checkpoint = load_checkpoint(make_checkpoint(family, task, folder / name))
                write_bundle(checkpoint, name, bundle)
            except BenchmarkError as exc:
                missing[name] = str(exc)
                continue
            yield LoadedNetwork(network, checkpoint, open_bundle(bundle), device)


def _compare(loaded: LoadedNetwork, missing: dict[str, str]) -> list[ParityRow]:
    checkpoint, title = loaded.checkpoint, loaded.network.title
    texts = [one.text for one in built_in_texts(checkpoint.max_length)]
    model: Any = checkpoint.model
    model.to(loaded.device)
    expected = [answer_in_torch(checkpoint, text) for text in texts]
    rows = []
    for name in ANSWERING:
        try:
            runner = make_runner(name, loaded)
            rows += _rows(loaded, runner, texts, expected)
            runner.close()
        except Exception as exc:  # a runner's failure is a row of the table
            missing[f"{title}, {name}"] = str(exc).strip()[:300]
            if not isinstance(exc, Unavailable) and name in HELD:
                rows.append(
                    ParityRow(title, checkpoint.config.task, name, "none", 0, 0.0, 1.0, False)
                )
    worst = max((row.difference for row in rows), default=0.0)
    say(f"{title}, {checkpoint.config.task}: {len(rows)} rows, greatest difference {worst:.4f}")
    return rows


def _rows(
    loaded: LoadedNetwork, runner: Runner, texts: Sequence[str], expected: Sequence[Logits]
) -> list[ParityRow]:
    tokenizer = Tokenizer(loaded.checkpoint.tokenizer_json, loaded.checkpoint.max_length, STRIDE)
    encoded = [tokenizer.encode(TextInput(text), "truncate", 1).windows[0] for text in texts]
    rows = []
    for how, size in (("alone", 1), ("batched", TOGETHER)):
        got: list[Logits] = []
        for start in range(0, len(encoded), size):
            work = runner.prepare(tuple(encoded[start : start + size]))
            work.run()
            runner.synchronize()
            got += [np.array(one) for one in work.answers()]
        compared, agreement, difference = compare_logits(expected, got)
        held = agreement >= AGREEMENT and difference <= DIFFERENCE
        task = loaded.checkpoint.config.task
        rows.append(
            ParityRow(loaded.network.title, task, runner.name, how, compared, agreement, difference,
                held if runner.name in HELD and runner.layout == "packed" else None)
        )  # fmt: skip
    return rows
