"""Labels and scores equal transformers' text-classification pipeline with every label asked for."""

import math
from pathlib import Path
from typing import Any

import pytest

from app.bundle.base import ProblemType
from app.engine.answers.decoding import rank_labels, row_scores
from app.engine.text.encoding import TextInput
from app.engine.text.tokenization import Tokenizer
from tests.support.texts import random_texts
from tests.support.tiny import SEQUENCE_LABELS, make_checkpoint

KINDS: dict[str, tuple[ProblemType, tuple[str, ...], dict[str, str]]] = {
    "single label": (
        "single_label",
        SEQUENCE_LABELS,
        {"problem_type": "single_label_classification"},
    ),
    "problem type missing": ("single_label", SEQUENCE_LABELS, {}),
    "multi label": (
        "multi_label",
        SEQUENCE_LABELS,
        {"problem_type": "multi_label_classification"},
    ),
    "one logit": ("single_label", ("toxic",), {}),
    "regression": ("regression", ("stars",), {"problem_type": "regression"}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_scores_equal_the_pipelines_on_texts_and_pairs(tmp_path: Path, kind: str) -> None:
    import torch
    from transformers import pipeline

    problem_type, labels, config = KINDS[kind]
    folder = make_checkpoint(tmp_path / "tiny", labels, **config)
    reference: Any = pipeline("text-classification", model=str(folder), device="cpu")
    tokenizer = Tokenizer((folder / "tokenizer.json").read_bytes(), 64, stride_tokens=8)
    texts = random_texts(200, seed=13, longest=60)
    sources = [*map(TextInput, texts), *map(TextInput, texts[:50], texts[50:100])]
    for source in sources:
        asked = {"text": source.text} | (
            {"text_pair": source.text_pair} if source.text_pair else {}
        )
        expected = reference(asked, top_k=None, truncation=True, max_length=64)
        (window,) = tokenizer.encode(source, "truncate", 1).windows
        with torch.inference_mode():
            logits = reference.model(
                torch.from_numpy(window.ids)[None],
                token_type_ids=torch.from_numpy(window.type_ids)[None],
            ).logits[0]
        ranked = rank_labels(row_scores(logits.numpy(), problem_type), labels, None, -math.inf)
        theirs = {item["label"]: item["score"] for item in expected}
        assert {item.label: item.score for item in ranked} == pytest.approx(theirs, abs=1e-4)
        scores = [item.score for item in ranked]
        assert scores == sorted(scores, reverse=True)
