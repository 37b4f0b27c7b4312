"""The truth of each text or token, read from labels and spans, in the checkpoint's own tags."""

import dataclasses

import numpy as np
import pytest

from app.bundle.base import TagScheme
from app.engine.answers.tags import read_tags
from app.engine.text.encoding import TextInput
from export.reference.examples import Example
from export.scores.labelled_logits import label_logits, true_tags
from offline.readers.examples import Span
from tests.support.workloads import classifier, labelled, tagger, words

TEXT = "Ada Lovelace met George in New York City Paris"
SPANS = [Span(0, 12, "PER"), Span(17, 23, "PER"), Span(27, 40, "LOC"), Span(41, 46, "LOC")]
PREFIXES = {"IO": "I", "BIO": "BI", "BIOES": "BIES", "BILOU": "BILU"}


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        ("BIO", "B-PER I-PER O B-PER O B-LOC I-LOC I-LOC B-LOC"),
        ("BIOES", "B-PER E-PER O S-PER O B-LOC I-LOC E-LOC S-LOC"),
        ("BILOU", "B-PER L-PER O U-PER O B-LOC I-LOC L-LOC U-LOC"),
        ("IO", "I-PER I-PER O I-PER O I-LOC I-LOC I-LOC I-LOC"),
    ],
)
def test_spans_become_the_tags_of_the_scheme(scheme: TagScheme, expected: str) -> None:
    labels = ["O", *(f"{p}-{group}" for group in ("PER", "LOC") for p in PREFIXES[scheme])]
    (encoding,) = words(TEXT).windows
    ids = true_tags(encoding, SPANS, read_tags(labels, scheme))
    assert [labels[i] for i in ids.values()] == expected.split()


def test_bare_groups_and_missing_prefixes_take_the_nearest_tag() -> None:
    (encoding,) = words("Ada Lovelace").windows
    spans = [Span(0, 12, "PER")]
    for labels, expected in ((["PER", "O"], [0, 0]), (["O", "B-PER"], [1, 1])):
        scheme: TagScheme = "BIO" if "B-PER" in labels else "IO"
        assert list(true_tags(encoding, spans, read_tags(labels, scheme)).values()) == expected


def test_a_checkpoint_that_answers_in_iob1_is_held_against_iob1() -> None:
    labels = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
    said = "I-PER I-PER O I-PER O I-LOC I-LOC I-LOC B-LOC"
    for answers in (said, "B-PER I-PER O B-PER O B-LOC I-LOC I-LOC B-LOC"):
        told = ["O", *answers.split(), "O"]
        logits = np.array([[9.0 * (x == tag) for x in labels] for tag in told], dtype=np.float32)
        example = Example(TextInput(TEXT), spans=frozenset(SPANS))
        found = label_logits(tagger(labels, "BIO"), labelled([example], [logits]))
        assert [labels[i] for i in found.truth] == answers.split()


def test_first_reads_only_the_tokens_that_begin_a_word_and_the_others_every_token() -> None:
    example = Example(TextInput("Ber #lin ist"), spans=frozenset({Span(0, 8, "LOC")}))
    logits = np.arange(15, 0, -1, dtype=np.float32).reshape(5, 3)
    made = labelled([example], [logits])
    config = tagger(("O", "B-LOC", "I-LOC"), "BIO")
    first = label_logits(config, made)
    assert first.truth.tolist() == [1, 0]
    assert first.logits.tolist() == [[12, 11, 10], [6, 5, 4]]
    assert first.outside == 0
    every = label_logits(config, dataclasses.replace(made, strategy="simple"))
    assert every.truth.tolist() == [1, 2, 0]


def test_labels_become_one_id_or_one_flag_each() -> None:
    examples = [Example(TextInput("t"), frozenset(held)) for held in ("b", "a")]
    rows = [np.zeros(2, dtype=np.float32)] * 2
    assert label_logits(classifier("ab"), labelled(examples, rows)).truth.tolist() == [1, 0]
    many = [Example(TextInput("t"), frozenset(held)) for held in ("ab", "")]
    found = label_logits(classifier("ab", "multi_label"), labelled(many, rows))
    assert found.truth.tolist() == [[1, 1], [0, 0]]
    ones = [np.zeros(1, dtype=np.float32)] * 2
    assert label_logits(classifier("b"), labelled(examples, ones)).truth.tolist() == [[1], [0]]


def test_the_halves_are_about_equal_and_never_tear_a_text() -> None:
    examples = [Example(TextInput("a b c"))] * 101
    rows = [np.zeros((5, 2), dtype=np.float32)] * 101
    found = label_logits(tagger(("O", "PER"), "IO"), labelled(examples, rows))
    assert found.half.sum() in (150, 153)
    assert all(len(set(found.half[found.example == i])) == 1 for i in range(101))
