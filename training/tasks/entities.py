"""Entities as spans of a text: decoding from tags, and scores beside the marked ones."""

from collections import Counter
from collections.abc import Mapping, Sequence

from seqeval.metrics.sequence_labeling import get_entities

from offline.readers.examples import Span
from training.tasks.scores import Row, score_label


def find_spans(text: str, tags: Sequence[str], ranges: Sequence[tuple[int, int]]) -> set[Span]:
    """Return the entities of BIO tags on character ranges, stripped of white space."""
    spans = set()
    for label, first, last in get_entities(list(tags)):
        start, end = ranges[first][0], ranges[last][1]
        covered = text[start:end]
        start += len(covered) - len(covered.lstrip())
        spans.add(Span(start, start + len(covered.strip()), label))
    return spans


def score_entities(truth: Sequence[set[Span]], found: Sequence[set[Span]]) -> dict[str, Row]:
    """Return precision, recall, F1 and support by label.

    An entity counts as found if start, end and label all match.
    """
    marked, named, right = Counter[str](), Counter[str](), Counter[str]()
    for one, other in zip(truth, found, strict=True):
        marked.update(span.label for span in one)
        named.update(span.label for span in other)
        right.update(span.label for span in one & other)
    return {
        label: score_label(right[label], named[label], marked[label])
        for label in sorted(marked.keys() | named.keys())
    }


def macro_f1(by_label: Mapping[str, Row]) -> float:
    """Return the mean F1 of the labels, each counted alike; 0 without any."""
    return sum(row["f1"] for row in by_label.values()) / max(1, len(by_label))
