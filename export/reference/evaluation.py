"""Compute metrics on labelled examples, and the score reference, from logits."""

from collections.abc import Mapping, Sequence

import numpy as np

from app.bundle.measured import ScoreReference
from app.engine.answers.decoding import label_scores, stitch_windows
from app.engine.answers.entities import EntitySpan, decode_entities
from app.engine.answers.tags import groups
from app.engine.text.encoding import Logits
from export.checkpoint.config import ModelConfig
from export.reference.workload import Workload
from offline.metrics import (
    Counts,
    Values,
    accuracy,
    count_entities,
    count_labels,
    entity_f1,
    entity_metrics,
    label_metrics,
    macro_f1,
)
from offline.readers.examples import Span

HISTOGRAM_BINS = 20
MULTI_LABEL_THRESHOLD = 0.5


def headline(config: ModelConfig) -> str:
    """Return the name of the one metric that a tolerance limits."""
    if config.task == "token-classification":
        return "f1"
    return "macro_f1" if config.problem_type == "multi_label" else "accuracy"


def headline_value(config: ModelConfig, sums: Counts) -> Values:
    """Return the headline metric of sums of counts [..., columns]."""
    if config.task == "token-classification":
        return entity_f1(sums)
    return macro_f1(sums) if config.problem_type == "multi_label" else accuracy(sums)


def evaluate(config: ModelConfig, workload: Workload, logits: Sequence[Logits]) -> dict[str, float]:
    """Return the metrics of some logits on the labelled inputs; empty without labels.

    Args:
        logits: one array for each input, from the checkpoint or from a graph.
    """
    return name_metrics(config, count_right(config, workload, logits))


def name_metrics(config: ModelConfig, counts: Counts) -> dict[str, float]:
    """Return the metrics of counts [texts, columns] by name; empty without texts."""
    if not len(counts):
        return {}
    sums = counts.sum(axis=0)
    return entity_metrics(sums) if config.task == "token-classification" else label_metrics(sums)


def count_right(config: ModelConfig, workload: Workload, logits: Sequence[Logits]) -> Counts:
    """Return what the metrics count, one row a labelled input; see `offline.metrics`."""
    examples = workload.examples
    if config.task == "token-classification":
        found = [find_spans(config, workload, i, logits[i]) for i in range(len(examples))]
        return count_entities([one.spans for one in examples], found)
    truth = [[label in one.labels for label in config.labels] for one in examples]
    given = [choose(config, row) for row in logits[: len(examples)]]
    shape = (len(examples), len(config.labels))
    return count_labels(np.array(truth, bool).reshape(shape), np.array(given, bool).reshape(shape))


def choose(config: ModelConfig, logits: Logits) -> list[bool]:
    """Tell for each label whether it is an answer: the best one, or all scores of at least 0.5.

    A regressor answers with a value for every label.
    """
    scores = label_scores(logits, config.problem_type)
    if config.problem_type == "regression":
        return [True] * len(scores)
    if config.problem_type == "multi_label" or len(scores) == 1:
        return [bool(score >= MULTI_LABEL_THRESHOLD) for score in scores]
    best = int(scores.argmax())
    return [index == best for index in range(len(scores))]


def score_reference(
    config: ModelConfig,
    workload: Workload,
    temperature: float = 1.0,
    label_thresholds: Mapping[str, float] | None = None,
) -> ScoreReference | None:
    """Return the checkpoint's answers on the labelled inputs as the baseline for drift.

    It counts every label given to a text, or every entity found, and sorts their served scores
    into a histogram.
    """
    if not workload.examples:
        return None
    answers: list[tuple[str, float]] = []
    for index in range(len(workload.examples)):
        answers += _answers(config, workload, index, temperature, label_thresholds)
    counts, edges = np.histogram(
        [score for _, score in answers], bins=HISTOGRAM_BINS, range=(0.0, 1.0)
    )
    given = [label for label, _ in answers]
    return ScoreReference(
        label_shares={name: given.count(name) / max(1, len(given)) for name in _names(config)},
        histogram_edges=tuple(round(float(edge), 6) for edge in edges),
        histogram_counts=tuple(int(count) for count in counts),
    )


def _answers(
    config: ModelConfig,
    workload: Workload,
    index: int,
    temperature: float,
    label_thresholds: Mapping[str, float] | None,
) -> list[tuple[str, float]]:
    logits = workload.logits[index]
    if config.task == "token-classification":
        found = find_entities(config, workload, index, logits, temperature)
        return [(entity.entity_group, entity.score) for entity in found]
    scores = label_scores(logits, config.problem_type, temperature)
    chosen = choose(config, logits)
    if label_thresholds is not None:
        chosen = [scores[i] >= label_thresholds[label] for i, label in enumerate(config.labels)]
    return [(config.labels[i], float(scores[i])) for i, given in enumerate(chosen) if given]


def _names(config: ModelConfig) -> list[str]:
    """Return all possible answers: the labels, or the groups of entities."""
    if config.task == "sequence-classification":
        return list(config.labels)
    return groups(config.tags)


def find_spans(config: ModelConfig, workload: Workload, index: int, logits: Logits) -> set[Span]:
    """Return the entities that logits of an input give, without their scores."""
    entities = find_entities(config, workload, index, logits)
    return {Span(e.start, e.end, e.entity_group) for e in entities}


def find_entities(
    config: ModelConfig, workload: Workload, index: int, logits: Logits, temperature: float = 1.0
) -> list[EntitySpan]:
    """Decode logits of an input into entities, as the service does."""
    encoded = workload.encoded[index]
    tokens = stitch_windows(encoded, [logits])
    return decode_entities(encoded.source.text, tokens, config.tags, workload.strategy, temperature)
