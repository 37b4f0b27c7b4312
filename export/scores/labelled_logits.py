"""Pair the checkpoint's logits with the truth, to fit scores and to measure them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from app.bundle.base import AggregationStrategy
from app.engine.answers.decoding import Scores, sigmoid, softmax
from app.engine.answers.tags import Tag
from app.engine.text.encoding import Encoding
from export.checkpoint.config import ModelConfig
from export.reference.workload import Workload
from offline.readers.examples import Span

Ints = npt.NDArray[np.int64]
SEED = 0


@dataclass(frozen=True, slots=True, eq=False)
class LabelledLogits:
    """Logits with the truth: one row a text, or one a token for NER.

    Attributes:
        logits: float64 [rows, labels].
        truth: the right label's id [rows] if one label holds; 0 or 1 for each label
            [rows, labels] if several may hold, or if there is a single logit.
        example: the example that each row belongs to, [rows].
        examples: number of examples, including those without a row.
        outside: the id of the label O; None unless the rows are tokens.
    """

    logits: Scores
    truth: Ints
    example: Ints
    examples: int
    outside: int | None = None

    @property
    def independent(self) -> bool:
        """Tell whether each label has a sigmoid of its own."""
        return self.truth.ndim == 2

    @property
    def half(self) -> npt.NDArray[np.bool_]:
        """The rows of one half of the examples, the same at every call; no text is split."""
        order = np.random.default_rng(SEED).permutation(self.examples)
        chosen: npt.NDArray[np.bool_] = (order % 2 == 0)[self.example]
        return chosen

    def part(self, rows: npt.NDArray[np.bool_]) -> "LabelledLogits":
        """Return some of the rows."""
        return LabelledLogits(
            self.logits[rows], self.truth[rows], self.example[rows], self.examples, self.outside
        )

    def scores(self, temperature: npt.ArrayLike) -> Scores:
        """Return the scores [rows, labels] at one temperature, or at one for each row."""
        values = self.logits / np.asarray(temperature, dtype=np.float64).reshape(-1, 1)
        return sigmoid(values) if self.independent else softmax(values)


def label_logits(config: ModelConfig, workload: Workload) -> LabelledLogits:
    """Pair the checkpoint's logits on the labelled inputs with the truth."""
    if config.task == "token-classification":
        return label_token_logits(config, workload)
    examples = workload.examples
    logits = np.stack(workload.logits[: len(examples)]).astype(np.float64)
    truth = np.array([[label in one.labels for label in config.labels] for one in examples])
    several = config.problem_type == "multi_label" or len(config.labels) == 1
    held = truth.astype(np.int64) if several else truth.argmax(axis=1)
    return LabelledLogits(logits, held, np.arange(len(examples)), len(examples))


def label_token_logits(config: ModelConfig, workload: Workload) -> LabelledLogits:
    """Pair each token whose scores the default strategy reads with its true tag.

    `first` reads the tokens that begin a word: many checkpoints never learnt the others, whose
    answers are never used. Any other strategy reads every content token.
    """
    tags, labelled = config.tags, range(len(workload.examples))
    read = [_tokens_read(workload.encodings[i], workload.strategy) for i in labelled]
    found = [workload.logits[i][positions] for i, positions in zip(labelled, read, strict=True)]
    logits = np.concatenate([np.zeros((0, len(tags))), *found]).astype(np.float64)
    # IOB1 opens an entity with B- only right after another one. Labels do not tell IOB1 from IOB2,
    # so take the convention that the checkpoint's own answers follow more often.
    conventions = [_true_tags(workload, read, tags, iob1=iob1) for iob1 in (False, True)]
    best = logits.argmax(axis=1)
    truth = max(conventions, key=lambda ids: int((best == ids).sum()))
    example = np.repeat(np.arange(len(labelled)), [len(positions) for positions in read])
    known = truth >= 0
    outside = next((i for i, tag in enumerate(tags) if tag.outside), None)
    return LabelledLogits(logits[known], truth[known], example[known], len(labelled), outside)


def _tokens_read(encoding: Encoding, strategy: AggregationStrategy) -> list[int]:
    if strategy != "first":
        return list(encoding.content)
    continues = encoding.subwords
    return [i for i in encoding.content if not continues[i]]


def _true_tags(
    workload: Workload, read: Sequence[Sequence[int]], tags: Sequence[Tag], *, iob1: bool
) -> Ints:
    """Return the id of the true tag of every token that is read, over all texts."""
    found: list[int] = []
    for example, encoding, positions in zip(
        workload.examples, workload.encodings, read, strict=False
    ):
        ids = true_tags(encoding, example.spans, tags, iob1=iob1)
        found += [ids[i] for i in positions]
    return np.array(found, dtype=np.int64)


def true_tags(
    encoding: Encoding, spans: Iterable[Span], tags: Sequence[Tag], *, iob1: bool = False
) -> dict[int, int]:
    """Return the id of the true tag at each content position; -1 if the checkpoint has no such tag.

    A token belongs to the first span that it shares a character with. It opens the span if the
    token before does not belong to it, and closes it if the next one does not.

    Args:
        iob1: an entity is opened only right after another one of its group.
    """
    ordered = sorted(spans, key=lambda span: (span.start, -span.end))
    owners = [None, *(_owner(encoding.offsets[i], ordered) for i in encoding.content), None]
    ids = {}
    for i, last, span, following in zip(
        encoding.content, owners, owners[1:], owners[2:], strict=False
    ):
        opens = span != last
        if iob1 and span is not None:
            opens = opens and last is not None and last.label == span.label
        ids[i] = _tag_id(tags, span, opens=opens, closes=span != following)
    return ids


def _owner(offsets: tuple[int, int], ordered: Sequence[Span]) -> Span | None:
    start, end = offsets
    return next((span for span in ordered if span.start < end and start < span.end), None)


def _tag_id(tags: Sequence[Tag], span: Span | None, *, opens: bool, closes: bool) -> int:
    """Return the tag of a token, or the nearest one: a scheme without S- opens with B-."""
    if span is None:
        return next((i for i, tag in enumerate(tags) if tag.outside), -1)
    fitting = [i for i, tag in enumerate(tags) if tag.group == span.label]
    return max(fitting, key=lambda i: (tags[i].opens == opens, tags[i].closes == closes))
