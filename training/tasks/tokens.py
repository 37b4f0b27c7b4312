"""Token classification: texts with entities to features, logits to entity-level scores.

Entities cover whole words. Every piece of a word carries the word's label (B- only on its first
piece), so the checkpoint serves the aggregation strategies `first` and `simple` alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from transformers import (
    AutoModelForTokenClassification,
    DataCollatorForTokenClassification,
    PreTrainedTokenizerBase,
)

from offline.metrics import count_entities, entity_metrics
from offline.readers.examples import Example, Span, TaggedExample
from training.tasks.entities import find_spans, macro_f1, score_entities
from training.tasks.features import Features, count_cut, pad_to
from training.tasks.scores import Scores

IGNORED = -100  # the label id that torch's cross entropy ignores
OUTSIDE = "O"


@dataclass(frozen=True, slots=True)
class _Words:
    """The words of a text: positions of their first pieces, and their characters."""

    starts: tuple[int, ...]
    ranges: tuple[tuple[int, int], ...]
    piece_tags: tuple[str | None, ...]  # the BIO tag of each piece; None for special ones


class TokenTask:
    """A BIO tag for every word, learnt on every piece."""

    model_class = AutoModelForTokenClassification

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, labels: Sequence[str], *, max_length: int
    ) -> None:
        self.tokenizer = tokenizer
        self.labels = tuple(labels)
        self.classes = (OUTSIDE, *(f"{p}-{label}" for label in labels for p in "BI"))
        self.max_length = max_length
        # As WordPiece marks the inner pieces of a word with ##.
        model = tokenizer.backend_tokenizer.model
        self._marks_pieces = bool(getattr(model, "continuing_subword_prefix", None))

    @property
    def config(self) -> dict[str, Any]:
        return {}

    @property
    def collator(self) -> DataCollatorForTokenClassification:
        return DataCollatorForTokenClassification(
            self.tokenizer, pad_to_multiple_of=pad_to(self.max_length), label_pad_token_id=IGNORED
        )

    def encode(self, examples: Sequence[Example]) -> Features:
        """Tokenize, truncate to `max_length` and give every piece its label id."""
        ids = {tag: i for i, tag in enumerate(self.classes)}
        encoded = self.tokenizer(
            [example.text for example in examples], truncation=True, max_length=self.max_length
        )
        rows = []
        for i, words in enumerate(self._words(examples)):
            row = {name: encoded[name][i] for name in encoded}
            length = len(row["input_ids"])
            # After truncation the last piece is the closing special one.
            labels = [IGNORED if tag is None else ids[tag] for tag in words.piece_tags]
            row["labels"] = [*labels[: length - 1], IGNORED]
            rows.append(row)
        return Features(rows, count_cut(encoded))

    def score(self, examples: Sequence[Example], logits: Sequence[np.ndarray]) -> Scores:
        """Compare entities by their spans; those beyond `max_length` count as missed."""
        truth, found = [], []
        for example, words, values in zip(examples, self._words(examples), logits, strict=True):
            best = values.argmax(axis=1)
            seen = len(values) - 1  # the closing special piece stands for no word
            given = [self.classes[best[p]] if p < seen else OUTSIDE for p in words.starts]
            truth.append(set(_spans(example)))
            found.append(find_spans(example.text, given, words.ranges))
        by_label = score_entities(truth, found)
        return Scores(
            headline="f1",
            metrics={
                **entity_metrics(count_entities(truth, found).sum(axis=0)),
                "macro_f1": macro_f1(by_label),
            },
            per_label=by_label,
            never_predicted=self._unfound(found),
        )

    def _unfound(self, found: Sequence[set[Span]]) -> tuple[str, ...]:
        seen = {span.label for spans in found for span in spans}
        return tuple(label for label in self.labels if label not in seen)

    def _words(self, examples: Sequence[Example]) -> list[_Words]:
        encoded = self.tokenizer(
            [example.text for example in examples], return_offsets_mapping=True, verbose=False
        )
        found = []
        for i, example in enumerate(examples):
            offsets = encoded["offset_mapping"][i]
            pieces = self._word_ids(encoded.word_ids(i))
            found.append(_tag_words(pieces, offsets, _spans(example)))
        return found

    def _word_ids(self, word_ids: list[int | None]) -> list[int | None]:
        """Group pieces into words if the tokenizer marks inner pieces; else keep them apart."""
        if self._marks_pieces:
            return word_ids
        return [None if word is None else i for i, word in enumerate(word_ids)]


def _tag_words(
    word_ids: Sequence[int | None], offsets: Sequence[tuple[int, int]], spans: Sequence[Span]
) -> _Words:
    ranges: dict[int, tuple[int, int]] = {}
    starts: dict[int, int] = {}
    for position, word in enumerate(word_ids):
        if word is not None:
            starts.setdefault(word, position)
            ranges[word] = (ranges.get(word, offsets[position])[0], offsets[position][1])
    tags = dict(zip(ranges, tag_ranges(list(ranges.values()), spans), strict=True))
    piece_tags: list[str | None] = []
    for position, word in enumerate(word_ids):
        if word is None:
            piece_tags.append(None)
        elif position == starts[word]:
            piece_tags.append(tags[word])
        else:
            piece_tags.append(tags[word].replace("B-", "I-", 1))
    return _Words(tuple(starts.values()), tuple(ranges.values()), tuple(piece_tags))


def _spans(example: Example) -> tuple[Span, ...]:
    return example.spans if isinstance(example, TaggedExample) else ()


def tag_ranges(ranges: Sequence[tuple[int, int]], spans: Sequence[Span]) -> list[str]:
    """Return the BIO tag of each character range: inside an entity if it touches one."""
    tags = []
    opened: Span | None = None
    for start, end in ranges:
        span = next((s for s in spans if start < s.end and end > s.start), None)
        if span is None:
            tags.append(OUTSIDE)
        else:
            tags.append(f"{'I' if span is opened else 'B'}-{span.label}")
        opened = span
    return tags
