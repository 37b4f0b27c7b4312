"""Batches are a matter of rows and model alone, and a poison row fails alone."""

from pathlib import Path

import numpy as np
import pytest

from app.bundle.bundle import open_bundle
from app.engine.backends.onnxruntime import OnnxRuntimeBackend
from app.engine.models.servable import Servable
from score.options import AnswerOptions
from score.readers.rows import Row
from score.scorers.local import LocalScorer


@pytest.fixture
def servable(tiny_store: Path) -> Servable:
    return Servable.load(open_bundle(tiny_store / "mood" / "1"), OnnxRuntimeBackend())


def rows(*texts: str) -> list[Row]:
    return [Row(number, None, text) for number, text in enumerate(texts)]


def test_a_batch_holds_like_lengths_within_its_budget(
    servable: Servable, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[list[int]] = []
    run = servable.run

    def note(encodings):  # type: ignore[no-untyped-def]
        batches.append([one.tokens for one in encodings])
        return run(encodings)

    monkeypatch.setattr(servable, "run", note)
    scorer = LocalScorer(servable, AnswerOptions(), 1, 64, 64)
    scorer.start(rows(*("good film " * (1 + i % 6) for i in range(60))))()
    scorer.close()
    assert sum(map(len, batches)) == 60
    assert all(max(batch) * len(batch) <= 64 for batch in batches)
    assert all(max(batch) - min(batch) <= 4 for batch in batches)
    assert max(batches[0]) >= max(batches[-1])  # the longest first


def test_a_row_that_the_model_fails_on_fails_alone(
    servable: Servable, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = servable.run
    poison = int(servable.tokenizer.encode(rows("berlin")[0], "truncate", 1).windows[0].ids[1])  # type: ignore[arg-type]

    def fail_on_poison(encodings):  # type: ignore[no-untyped-def]
        found = run(encodings)
        return [
            np.full_like(row, np.nan) if poison in one.ids else row
            for row, one in zip(found, encodings, strict=True)
        ]

    monkeypatch.setattr(servable, "run", fail_on_poison)
    scorer = LocalScorer(servable, AnswerOptions(), 2, 512, 64)
    good, bad, other = scorer.start(rows("good film", "in berlin", "bad film"))()
    scorer.close()
    assert "the model failed on this input" in bad["error"]
    assert "labels" in good
    assert "labels" in other


def test_closing_leaves_nothing_that_runs(servable: Servable) -> None:
    scorer = LocalScorer(servable, AnswerOptions(), 1, 64, 64)
    for _ in range(3):
        scorer.start(rows(*["good film"] * 500))
    scorer.close()
    assert scorer._executors._shutdown
