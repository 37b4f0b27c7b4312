"""Tags of words and pieces, and entity-level scores."""

import numpy as np
import pytest

from offline.readers.examples import Span, TaggedExample
from training.output.checkpoint import load_tokenizer
from training.tasks.tokens import IGNORED, TokenTask, tag_ranges

TEXT = "Anna Paris, Romeston"
SPANS = (Span(0, 4, "PER"), Span(5, 10, "LOC"), Span(12, 20, "LOC"))


@pytest.fixture
def problem(encoder) -> TokenTask:
    return TokenTask(load_tokenizer(encoder, 16), ["LOC", "PER"], max_length=16)


def logits(problem: TokenTask, features) -> list[np.ndarray]:
    """Return logits that are certain of the labels in the features."""
    return [np.eye(len(problem.classes))[np.maximum(row["labels"], 0)] for row in features.rows]


def test_classes_are_bio_tags_with_outside_first(problem):
    assert problem.classes == ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")


def test_every_piece_is_labelled_and_only_the_first_one_begins(problem):
    (row,) = problem.encode([TaggedExample(TEXT, SPANS)]).rows
    tags = ["-" if i == IGNORED else problem.classes[i] for i in row["labels"]]
    pieces = problem.tokenizer.convert_ids_to_tokens(row["input_ids"])
    assert list(zip(pieces, tags, strict=True)) == [
        ("[CLS]", "-"),
        ("anna", "B-PER"),
        ("paris", "B-LOC"),
        (",", "O"),
        ("rome", "B-LOC"),
        ("##s", "I-LOC"),
        ("##ton", "I-LOC"),
        ("[SEP]", "-"),
    ]


def test_an_entity_of_several_words_begins_once():
    ranges = [(0, 4), (5, 10), (10, 11), (12, 15)]
    assert tag_ranges(ranges, [Span(0, 10, "PER"), Span(12, 15, "LOC")]) == [
        "B-PER",
        "I-PER",
        "O",
        "B-LOC",
    ]


def test_entities_side_by_side_begin_twice():
    spans = [Span(0, 4, "LOC"), Span(5, 10, "LOC")]
    assert tag_ranges([(0, 4), (5, 10)], spans) == ["B-LOC", "B-LOC"]


def test_right_tags_score_one_and_missed_entities_lower_recall_alone(problem):
    examples = [TaggedExample(TEXT, SPANS)]
    right = logits(problem, problem.encode(examples))
    assert problem.score(examples, right).metrics["f1"] == 1.0
    right[0][1] = np.eye(5)[0]  # anna: O
    metrics = problem.score(examples, right).metrics
    assert metrics["precision"] == 1.0
    assert metrics["recall"] == pytest.approx(2 / 3)


def test_the_first_piece_decides_for_its_word(problem):
    examples = [TaggedExample(TEXT, SPANS)]
    values = logits(problem, problem.encode(examples))
    values[0][5:7] = np.eye(5)[0]  # the inner pieces of romeston: O
    assert problem.score(examples, values).metrics["f1"] == 1.0


def test_an_entity_that_ends_within_a_piece_is_missed_however_right_the_tags(problem):
    examples = [TaggedExample(TEXT, (*SPANS[:2], Span(12, 16, "LOC")))]  # rome of romeston
    metrics = problem.score(examples, logits(problem, problem.encode(examples))).metrics
    assert metrics["recall"] == metrics["precision"] == pytest.approx(2 / 3)


def test_entities_beyond_the_greatest_length_count_as_missed(encoder):
    problem = TokenTask(load_tokenizer(encoder, 8), ["LOC", "PER"], max_length=8)
    text = "Anna lives in the film of Paris"
    examples = [TaggedExample(text, (Span(0, 4, "PER"), Span(26, 31, "LOC")))]
    features = problem.encode(examples)
    assert features.lengths() == [8]
    assert problem.score(examples, logits(problem, features)).metrics["recall"] == 0.5
