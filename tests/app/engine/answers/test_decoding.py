"""Logits to answers: scores, ranking, tag schemes, and the joining of windows."""

import math
import string
from typing import get_args

import numpy as np
import pytest

from app.bundle.base import AggregationStrategy, ProblemType, TagScheme
from app.engine.answers.decoding import (
    TokenLogits,
    label_scores,
    pool_windows,
    rank_labels,
    row_scores,
    sigmoid,
    softmax,
    stitch_windows,
)
from app.engine.answers.entities import EntitySpan, decode_entities, keep_entities
from app.engine.answers.tags import groups, read_tags
from app.engine.text.encoding import TextInput
from app.engine.text.tokenization import Tokenizer
from tests.support.tiny import TOKEN_LABELS, make_checkpoint

PROBLEM_TYPES: tuple[ProblemType, ...] = get_args(ProblemType)
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


def test_the_scores_of_one_text_are_those_of_any_number_of_texts() -> None:
    rows = np.random.default_rng(3).normal(scale=30, size=(200, 4)).astype(np.float32)
    rows[0], rows[1] = [1e30, -1e30, 0, 88], [-np.float32(3.4e38), 0, 0, 0]
    for kind in PROBLEM_TYPES:
        for width in (1, 4):
            for row in rows[:, :width]:
                expected = label_scores(row, kind, 1.7)
                np.testing.assert_allclose(row_scores(row, kind, 1.7), expected, rtol=1e-12)


def test_labels_are_ranked_cut_and_kept_over_the_threshold() -> None:
    scores = [0.1, 0.6, 0.3]
    ranked = rank_labels(scores, ["a", "b", "c"], top_k=None, threshold=0.0)
    assert [(item.label, item.score) for item in ranked] == [("b", 0.6), ("c", 0.3), ("a", 0.1)]
    assert [x.label for x in rank_labels(scores, ["a", "b", "c"], 1, 0.0)] == ["b"]
    assert [x.label for x in rank_labels(scores, ["a", "b", "c"], None, 0.3)] == ["b", "c"]


def test_equal_scores_keep_the_order_of_the_labels() -> None:
    assert [x.label for x in rank_labels([0.5, 0.5], ["a", "b"], 1, 0.0)] == ["a"]


def test_a_temperature_divides_the_logits_and_keeps_the_order() -> None:
    logits = np.array([2.0, 0.5, 1.9999999], dtype=np.float32)
    for kind in PROBLEM_TYPES:
        plain, scaled = label_scores(logits, kind), label_scores(logits, kind, 20.0)
        assert scaled.tolist() == label_scores(logits.astype(float) / 20.0, kind).tolist()
        assert scaled.argsort().tolist() == plain.argsort().tolist() == [1, 2, 0]
        assert scaled.max() < plain.max()
        assert label_scores(logits, kind, 1.0).tolist() == plain.tolist()


def test_a_label_under_its_own_threshold_takes_no_place_among_the_top_k() -> None:
    scores = [0.45, 0.4, 0.2]
    found = rank_labels(scores, ["a", "b", "c"], top_k=1, threshold=[0.6, 0.4, 0.1])
    assert [x.label for x in found] == ["b"]
    found = rank_labels(scores, ["a", "b", "c"], top_k=None, threshold=[0.6, 0.4, 0.1])
    assert [x.label for x in found] == ["b", "c"]


def test_entities_are_scored_at_the_temperature() -> None:
    tokens = TokenLogits(np.array([[0.0, 3.0]], dtype=np.float32), [(0, 3)], [False])
    tags = read_tags(["O", "X"], "IO")
    for temperature in (1.0, 2.5):
        (entity,) = decode_entities("abc", tokens, tags, "first", temperature)
        assert entity.score == pytest.approx(1 / (1 + math.exp(-3 / temperature)), abs=1e-6)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    folder = make_checkpoint(tmp_path_factory.mktemp("tiny") / "ner", TOKEN_LABELS)
    return Tokenizer((folder / "tokenizer.json").read_bytes(), 64, stride_tokens=8)


def test_entities_are_kept_by_group_and_threshold() -> None:
    person, place = EntitySpan("PER", 0.9, "Angela", 0, 6), EntitySpan("LOC", 0.4, "Paris", 10, 15)
    assert keep_entities([person, place], ["LOC"], 0.0) == [place]
    assert keep_entities([person, place], None, 0.4) == [person, place]
    assert keep_entities([person, place], None, 0.5) == [person]


def entities(
    labels: list[str], scheme: TagScheme, told: list[str], strategy: AggregationStrategy = "simple"
) -> list[tuple[str, str]]:
    """Decode one-letter words a b c ... whose tokens were told these labels."""
    text = " ".join(string.ascii_lowercase[: len(told)])
    rows = [[9.0 if label == one else 0.0 for label in labels] for one in told]
    logits = np.array(rows, dtype=np.float32).reshape(-1, len(labels))
    offsets = [(2 * i, 2 * i + 1) for i in range(len(told))]
    tokens = TokenLogits(logits, offsets, [False] * len(told))
    found = decode_entities(text, tokens, read_tags(labels, scheme), strategy)
    return [(entity.entity_group, entity.word) for entity in found]


def test_a_text_without_tokens_has_no_entities() -> None:
    assert [entities(["O", "B-X"], "BIO", [], strategy) for strategy in STRATEGIES] == [[]] * 5


@pytest.mark.parametrize(
    ("scheme", "labels", "told", "expected"),
    [
        ("IO", "O P Q", "P P O Q P", "P:ab Q:d P:e"),
        ("BIO", "O B-P I-P", "B-P I-P B-P O I-P", "P:ab P:c P:e"),
        ("BIO", "O B-P I-P B-Q I-Q", "B-P I-Q I-Q", "P:a Q:bc"),
        ("BIOES", "O B-P I-P E-P S-P", "S-P S-P B-P E-P", "P:a P:b P:cd"),
        ("BIOES", "O B-P I-P E-P S-P", "B-P E-P I-P E-P", "P:ab P:cd"),
        ("BILOU", "O B-P I-P L-P U-P", "U-P B-P I-P L-P I-P", "P:a P:bcd P:e"),
        ("IO", "O E-P", "E-P E-P", "E-P:ab"),
    ],
)
def test_entities_begin_and_end_as_their_scheme_says(
    scheme: TagScheme, labels: str, told: str, expected: str
) -> None:
    found = entities(labels.split(), scheme, told.split())
    assert " ".join(f"{group}:{word.replace(' ', '')}" for group, word in found) == expected


def test_without_aggregation_each_token_keeps_its_label() -> None:
    found = entities(["O", "B-P", "E-P"], "BIOES", ["B-P", "E-P"], "none")
    assert found == [("B-P", "a"), ("E-P", "b")]


def test_an_entity_type_called_o_is_an_entity() -> None:
    tags = read_tags(["O", "B-O", "I-O", "B-PER"], "BIO")
    assert [tag.outside for tag in tags] == [True, False, False, False]
    assert groups(tags) == ["O", "PER"]
    assert tags[0].group != tags[1].group, "what is outside never continues it"


def test_the_groups_of_a_tagger_are_named_without_prefixes() -> None:
    assert groups(read_tags(["O", "B-P", "S-P", "I-Q"], "BIOES")) == ["P", "Q"]


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
