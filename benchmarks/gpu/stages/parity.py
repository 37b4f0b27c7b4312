"""Stage `parity`: compares the fp16 graphs on the device with the fp32 checkpoint, text by text."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from app.engine.answers.decoding import label_scores
from app.engine.backends.base import Session
from app.engine.models.servable import make_tokenizer
from app.engine.text.encoding import Encoding, Logits, TextInput
from benchmarks.gpu.contenders import CAPTURED, EAGER, PACKED, PADDED_FP16, open_contender
from benchmarks.gpu.plan import GpuPlan
from benchmarks.gpu.results import Results
from benchmarks.gpu.subjects.bundles import (
    CARRIED,
    answer_in_torch,
    names_of_families,
    open_made,
)
from benchmarks.gpu.subjects.carry import SOURCES
from benchmarks.session import say
from export.checkpoint.load import Checkpoint
from export.reference.sample_texts import built_in_texts

AGREEMENT, DIFFERENCE = 0.999, 5e-3
TOGETHER = 16


def measure(plan: GpuPlan, results: Results) -> None:
    """Compare BERT-base, then every family; near ties of random weights show beside padded fp16."""
    rows: list[dict[str, Any]] = []
    carried = plan.build / "checkpoints" / CARRIED
    for name in (*[CARRIED] * carried.exists(), plan.base, *names_of_families(plan)):
        with results.part(f"parity: {name}"):
            bundle, checkpoint = open_made(plan, name)
            texts = _texts(checkpoint)
            tokenizer = make_tokenizer(bundle.read_tokenizer(), bundle.manifest)
            encoded = [tokenizer.encode(TextInput(one), "truncate", 1).windows[0] for one in texts]
            wanted = [answer_in_torch(checkpoint, text) for text in texts]
            for contender in (PADDED_FP16, EAGER, CAPTURED):
                with results.part(f"parity: {name}, {contender}"):
                    session = open_contender(contender, bundle, checkpoint, plan.device)
                    for how, size in (("alone", 1), ("batched", TOGETHER)):
                        row = _compare(wanted, _run(session, encoded, size))
                        head = {"network": name, "contender": contender, "how": how}
                        rows.append(head | row | {"held": contender not in PACKED or _held(row)})
            results.keep("parity", rows)
            say(f"  {name}: {len(rows)} rows so far")


def _texts(checkpoint: Checkpoint) -> list[str]:
    """Return the evaluation texts of a trained checkpoint, else those of export's gate."""
    rows = checkpoint.path / SOURCES
    if rows.exists():
        return [json.loads(line)["text"] for line in rows.read_text().splitlines()]
    return [one.text for one in built_in_texts(checkpoint.max_length)]


def _run(session: Session, encoded: Sequence[Encoding], size: int) -> list[Logits]:
    starts = range(0, len(encoded), size)
    return [np.array(row) for at in starts for row in session.run(encoded[at : at + size])]


def _compare(wanted: Sequence[Logits], got: Sequence[Logits]) -> dict[str, Any]:
    """Return how many labels agree, and the largest score difference.

    Two scores that are nearer than the differences allowed may change places: such ties, of which
    random weights make many, are counted apart.
    """
    own, other = (
        np.concatenate([np.atleast_2d(label_scores(one, "single_label")) for one in rows])
        for rows in (wanted, got)
    )
    second, first = np.sort(own, axis=-1)[:, -2:].T
    decided = first - second > 2 * DIFFERENCE
    same = own.argmax(-1) == other.argmax(-1)
    return {
        "compared": int(decided.sum()),
        "agreement": float(same[decided].mean()),
        "ties_changed": int((~same & ~decided).sum()),
        "difference": float(np.abs(own - other).max()),
    }


def _held(row: dict[str, Any]) -> bool:
    held: bool = row["agreement"] >= AGREEMENT and row["difference"] <= DIFFERENCE
    return held
