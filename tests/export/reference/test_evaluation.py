"""Metrics: whole entities count, labels are the checkpoint's, the reference adds up."""

import numpy as np
import pytest

from app.engine.text.encoding import EncodedInput, TextInput
from export.checkpoint.config import ModelConfig
from export.reference.evaluation import choose, evaluate, headline, score_reference
from export.reference.examples import Example
from export.reference.workload import Workload
from offline.readers.examples import Span
from tests.support.encodings import laid_out

TAGS = ("O", "B-PER", "I-PER")
NER = ModelConfig("B", "bert", "token-classification", "single_label", TAGS, "BIO")
SINGLE = ModelConfig("B", "bert", "sequence-classification", "single_label", ("a", "b"), None)
MULTI = ModelConfig("B", "bert", "sequence-classification", "multi_label", ("a", "b"), None)
ONE = ModelConfig("B", "bert", "sequence-classification", "single_label", ("toxic",), None)


def words(text: str) -> EncodedInput:
    """Encode each word as one token between two special ones."""
    starts = [i for i in range(len(text)) if i == 0 or text[i - 1] == " "]
    offsets = [(0, 0), *((i, i + len(text[i:].split()[0])) for i in starts), (0, 0)]
    ids = np.arange(len(offsets))
    content = range(1, len(offsets) - 1)
    encoding = laid_out(ids, offsets, content, [False] * len(offsets))
    return EncodedInput(TextInput(text), (encoding,), False, 0)


def tagged(*tags: str) -> np.ndarray:
    rows = [[9.0 if label == tag else 0.0 for label in TAGS] for tag in ("O", *tags, "O")]
    return np.array(rows, dtype=np.float32)


def workload(examples: list[Example], logits: list[np.ndarray]) -> Workload:
    encoded = tuple(words(example.source.text) for example in examples)
    sources = tuple(example.source for example in examples)
    return Workload(sources, tuple(examples), encoded, tuple(logits), (0,))


def test_an_entity_counts_only_when_start_end_and_group_are_right() -> None:
    spans = frozenset({Span(0, 10, "PER"), Span(18, 23, "PER")})
    truth = [Example(TextInput("Ada Lovelace met Boole"), spans=spans)]
    logits = [tagged("B-PER", "O", "O", "B-PER")]
    made = workload(truth, logits)
    assert evaluate(NER, made, logits) == {"f1": 0.0, "precision": 0.0, "recall": 0.0}
    exact = [Example(TextInput("Ada Lovelace met Boole"), spans=frozenset({Span(0, 12, "PER")}))]
    logits = [tagged("B-PER", "I-PER", "O", "B-PER")]
    assert evaluate(NER, workload(exact, logits), logits) == pytest.approx(
        {"f1": 2 / 3, "precision": 0.5, "recall": 1.0}
    )


def test_accuracy_and_macro_f1_of_single_and_multi_label() -> None:
    def rows(*labels: str) -> list[Example]:
        return [Example(TextInput("t"), frozenset(label)) for label in labels]

    logits = [np.array(row, dtype=np.float32) for row in ([3, -3], [-3, 3], [3, -3], [3, -3])]
    single = rows("a", "b", "a", "b")
    assert evaluate(SINGLE, workload(single, logits), logits)["accuracy"] == 0.75
    both = rows("a", "b", "a", "ab")
    assert evaluate(MULTI, workload(both, logits), logits)["accuracy"] == 0.75


def test_a_single_logit_and_several_labels_are_chosen_at_one_half() -> None:
    assert choose(ONE, np.array([0.1], dtype=np.float32)) == [True]
    assert choose(ONE, np.array([-0.1], dtype=np.float32)) == [False]
    assert choose(MULTI, np.array([2.0, 1.0], dtype=np.float32)) == [True, True]
    assert choose(SINGLE, np.array([2.0, 1.0], dtype=np.float32)) == [True, False]


def test_the_score_reference_counts_what_the_checkpoint_answered() -> None:
    truth = [Example(TextInput("Ada slept"), spans=frozenset())] * 2
    logits = [tagged("B-PER", "O"), tagged("O", "O")]
    reference = score_reference(NER, workload(truth, logits))
    assert reference is not None
    assert reference.label_shares == {"PER": 1.0}
    assert sum(reference.histogram_counts) == 1
    assert len(reference.histogram_edges) == len(reference.histogram_counts) + 1


def test_the_gate_looks_at_one_metric_of_each_kind() -> None:
    assert [headline(config) for config in (SINGLE, MULTI, NER)] == ["accuracy", "macro_f1", "f1"]
