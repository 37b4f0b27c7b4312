"""500 texts of each demo model get the same answer alone and among 31 random others."""

import json
import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from app.bundle.base import Precision
from app.bundle.bundle import open_bundle
from app.engine.answers.decoding import label_scores
from app.engine.backends.base import Mode
from app.engine.backends.onnxruntime import OnnxRuntimeBackend
from app.engine.models.servable import Servable
from app.engine.text.encoding import Logits, TextInput
from tests.conftest import ROOT
from tests.support.texts import random_texts

pytestmark = pytest.mark.slow

MODELS = ("sentiment", "topic", "ner", "sentiment-zh", "ner-zh")
PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16", "int8")
TEXTS = 500
ODD_TEXTS = 100
BATCH = 32
CHINESE = 30  # characters of a text at most: some 30 tokens, as with so many English ones
ENGLISH = 120
SCORE_DIFFERENCE = 1e-4
THREADS = 2


@cache
def texts(name: str) -> list[str]:
    """Return held-out texts of the model and odd ones, of every length up to some 30 tokens."""
    file = ROOT / "build" / "checkpoints" / name / "eval.jsonl"
    if not file.exists():
        pytest.fail(f"no {file}: `make models models-zh` writes it")
    rows = [json.loads(line)["text"] for line in file.read_text().splitlines()]
    lot = random.Random(17)
    longest = CHINESE if name.endswith("-zh") else ENGLISH
    own = [row[: lot.randint(longest // 4, longest)] for row in lot.choices(rows, k=TEXTS)]
    odd = random_texts(ODD_TEXTS, seed=18, longest=10)
    return lot.sample([*own[:-ODD_TEXTS], *odd], TEXTS)


def scores(servable: Servable, batches: Sequence[Sequence[str]]) -> list[Logits]:
    """Return the scores of every text, each batch run as one."""
    encoded = [
        [servable.encode(TextInput(text), "truncate", 1).windows[0] for text in batch]
        for batch in batches
    ]
    with ThreadPoolExecutor(THREADS) as pool:
        rows = [row for answer in pool.map(servable.run, encoded) for row in answer]
    return [label_scores(row, servable.manifest.problem_type) for row in rows]


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", MODELS)
def test_any_texts_answer_is_the_same_alone_and_among_31_others(
    demo_store: Path, name: str, precision: Precision, measured: dict[str, str]
) -> None:
    bundle = open_bundle(demo_store / name / "1")
    servable = Servable.load(bundle, OnnxRuntimeBackend(), Mode(precision))
    assert servable.batch_invariant, "the engine would run this graph one text at a time"
    every = texts(name)
    batches = [every[first : first + BATCH] for first in range(0, TEXTS, BATCH)]
    batches[-1] = [*batches[-1], *every[: BATCH - len(batches[-1])]]
    alone = scores(servable, [[text] for text in every])
    among = scores(servable, batches)[:TEXTS]
    differences = [float(np.abs(x - y).max()) for x, y in zip(alone, among, strict=True)]
    labels = [bool((x.argmax(-1) == y.argmax(-1)).all()) for x, y in zip(alone, among, strict=True)]
    measured[f"{name} {precision}: largest score change among 31 others"] = f"{max(differences):g}"
    assert all(labels)
    assert max(differences) <= SCORE_DIFFERENCE
