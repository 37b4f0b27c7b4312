"""Decoding equals transformers' pipelines on the same checkpoint; pure functions beyond that."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.bundle import AggregationStrategy
from app.engine.decoding import (
    TokenLogits,
    label_scores,
    pool_windows,
    rank_labels,
    sigmoid,
    softmax,
    stitch_windows,
)
from app.engine.entities import Entity, decode_entities, keep_entities, split_tag
from app.engine.tokenization import TextInput, Tokenizer
from tests.support.texts import random_texts
from tests.support.tiny import TOKEN_LABELS, make_checkpoint

STRATEGIES: list[AggregationStrategy] = ["none", "simple", "first", "average", "max"]


def test_softmax_survives_very_large_and_very_negative_logits() -> None:
    assert softmax([1000.0, 999.0]).tolist() == pytest.approx(softmax([1.0, 0.0]).tolist())
    assert softmax([-1000.0, -1001.0]).tolist() == pytest.approx(softmax([1.0, 0.0]).tolist())


def test_sigmoid_survives_very_large_and_very_negative_logits() -> None:
    assert sigmoid([-1000.0, 0.0, 1000.0]).tolist() == [0.0, 0.5, 1.0]


def test_one_logit_and_multi_label_models_score_each_label_by_itself() -> None:
    assert label_scores([2.0], "single_label").tolist() == sigmoid([2.0]).tolist()
    assert label_scores([2.0, 2.0], "multi_label").tolist() == sigmoid([2.0, 2.0]).tolist()
    assert label_scores([2.0, 2.0], "single_label").tolist() == [0.5, 0.5]


def test_labels_are_ranked_cut_and_kept_over_the_threshold() -> None:
    scores = np.array([0.1, 0.6, 0.3])
    ranked = rank_labels(scores, ["a", "b", "c"], top_k=None, threshold=0.0)
    assert [(item.label, item.score) for item in ranked] == [("b", 0.6), ("c", 0.3), ("a", 0.1)]
    assert [x.label for x in rank_labels(scores, ["a", "b", "c"], 1, 0.0)] == ["b"]
    assert [x.label for x in rank_labels(scores, ["a", "b", "c"], None, 0.3)] == ["b", "c"]


def test_equal_scores_keep_the_order_of_the_labels() -> None:
    assert [x.label for x in rank_labels(np.array([0.5, 0.5]), ["a", "b"], 1, 0.0)] == ["a"]


@pytest.mark.parametrize(
    ("tag", "parts"),
    [("B-PER", ("B", "PER")), ("I-A-B", ("I", "A-B")), ("O", ("I", "O")), ("E-X", ("I", "E-X"))],
)
def test_a_tag_is_split_as_transformers_splits_it(tag: str, parts: tuple[str, str]) -> None:
    assert split_tag(tag) == parts


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from transformers import pipeline

    folder = make_checkpoint(tmp_path_factory.mktemp("tiny") / "ner", TOKEN_LABELS)
    return pipeline("token-classification", model=str(folder), device="cpu")


@pytest.fixture(scope="module")
def tokenizer(pipeline: Any) -> Tokenizer:
    folder = Path(pipeline.model.config._name_or_path)
    return Tokenizer((folder / "tokenizer.json").read_bytes(), 64, stride_tokens=8)


def token_logits(pipeline: Any, tokenizer: Tokenizer, text: str) -> TokenLogits:
    """Run the checkpoint itself on the service's encoding."""
    import torch

    encoded = tokenizer.encode(TextInput(text), "truncate", 1)
    with torch.inference_mode():
        rows = [
            pipeline.model(
                torch.from_numpy(window.ids)[None],
                token_type_ids=torch.from_numpy(window.type_ids)[None],
            )
            .logits[0]
            .numpy()
            for window in encoded.windows
        ]
    return stitch_windows(encoded, rows)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_entities_equal_those_of_transformers_pipeline(
    pipeline: Any, tokenizer: Tokenizer, strategy: AggregationStrategy
) -> None:
    compared = 0
    for text in random_texts(200, seed=7, longest=12):
        expected = pipeline(text, aggregation_strategy=strategy)
        tokens = token_logits(pipeline, tokenizer, text)
        found = decode_entities(text, tokens, TOKEN_LABELS, strategy)
        key = "entity" if strategy == "none" else "entity_group"
        assert [(e.entity_group, e.start, e.end) for e in found] == [
            (e[key], e["start"], e["end"]) for e in expected
        ], text
        for ours, theirs in zip(found, expected, strict=True):
            assert ours.score == pytest.approx(float(theirs["score"]), abs=1e-4)
            assert ours.word == text[ours.start : ours.end]
        compared += len(found)
    assert compared > 200


def test_entities_are_kept_by_group_and_threshold() -> None:
    person, place = Entity("PER", 0.9, "Angela", 0, 6), Entity("LOC", 0.4, "Paris", 10, 15)
    assert keep_entities([person, place], ["LOC"], 0.0) == [place]
    assert keep_entities([person, place], None, 0.4) == [person, place]
    assert keep_entities([person, place], None, 0.5) == [person]


def test_a_text_without_tokens_has_no_entities(pipeline: Any, tokenizer: Tokenizer) -> None:
    tokens = token_logits(pipeline, tokenizer, " ")
    assert [decode_entities(" ", tokens, TOKEN_LABELS, s) for s in STRATEGIES] == [[]] * 5


def test_stitched_windows_hold_every_token_once_and_in_order(tokenizer: Tokenizer) -> None:
    text = " ".join(f"a{number}" for number in range(150))
    encoded = tokenizer.encode(TextInput(text), "window", 64)
    whole = Tokenizer(tokenizer._tokenizer.to_str().encode(), 4096, 8)
    (single,) = whole.encode(TextInput(text), "truncate", 1).windows
    assert len(encoded.windows) > 5
    numbered = [np.arange(w.tokens, dtype=np.float32)[:, None] for w in encoded.windows]
    stitched = stitch_windows(encoded, numbered)
    assert stitched.offsets == [single.offsets[i] for i in single.content]


def test_a_token_in_an_overlap_comes_from_the_window_that_sees_more_around_it(
    tokenizer: Tokenizer,
) -> None:
    encoded = tokenizer.encode(TextInput("a " * 100), "window", 64)
    distance = []
    for window in encoded.windows:
        edge = [min(i, window.tokens - 1 - i) for i in range(window.tokens)]
        distance.append(np.array(edge, dtype=np.float32)[:, None])
    kept = stitch_windows(encoded, distance).logits[:, 0]
    inner = kept[10:-10]
    assert inner.min() >= encoded.overlap_tokens // 2


def test_window_logits_are_pooled_by_their_share_of_the_text(tokenizer: Tokenizer) -> None:
    encoded = tokenizer.encode(TextInput("a " * 70), "window", 64)
    first, second = encoded.windows
    logits = [np.array([1.0, 0.0], np.float32), np.array([0.0, 1.0], np.float32)]
    share = len(first.content) / (len(first.content) + len(second.content))
    assert pool_windows(encoded, logits).tolist() == pytest.approx([share, 1 - share])
