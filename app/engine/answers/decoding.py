"""Turns logits into answers: pure functions, the same for every backend."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter

import numpy as np
import numpy.typing as npt

from app.bundle.base import Activation, ProblemType
from app.engine.text.encoding import EncodedInput, Encoding, Logits

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LabelScore:
    label: str
    score: float


def softmax(logits: npt.ArrayLike) -> Scores:
    """Return probabilities over the last axis; the true maximum is subtracted first."""
    values = np.asarray(logits, dtype=np.float64)
    exponentials = np.exp(values - values.max(axis=-1, keepdims=True))
    shares: Scores = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return shares


def sigmoid(logits: npt.ArrayLike) -> Scores:
    """Return independent probabilities, without overflow for very negative logits."""
    values = np.asarray(logits, dtype=np.float64)
    small = np.exp(-np.abs(values))
    shares: Scores = np.where(values >= 0, 1.0, small) / (1.0 + small)
    return shares


def temper(logits: npt.ArrayLike, temperature: float) -> Scores:
    """Return logits / temperature, in float64 so that no two labels become equal by rounding.

    Above 1, scores get less confident; below 1, more. The order of a text's labels stays.
    """
    return np.asarray(logits, dtype=np.float64) / temperature


def label_scores(
    logits: npt.ArrayLike, problem_type: ProblemType, temperature: float = 1.0
) -> Scores:
    """Return one score per label, as transformers' pipeline: a single logit gets a sigmoid.

    A regressor's values stay as they are.

    Args:
        temperature: from the bundle's calibration; 1 gives the checkpoint's own scores.
    """
    values = temper(logits, temperature)
    if problem_type == "regression":
        return values
    if problem_type == "multi_label" or values.shape[-1] == 1:
        return sigmoid(values)
    return softmax(values)


def row_scores(
    logits: Logits,
    problem_type: ProblemType,
    temperature: float = 1.0,
    activation: Activation = "default",
) -> list[float]:
    """Return what `label_scores` returns, for the logits of one text.

    It uses plain floats: for a text's few labels, a numpy call costs more than its arithmetic.

    Args:
        activation: what a caller wants instead; none gives the logits before the temperature.
    """
    if activation == "none":
        return list(logits.tolist())
    values = [value / temperature for value in logits.tolist()]
    if activation == "default":
        if problem_type == "regression":
            return values
        independent = problem_type == "multi_label" or len(values) == 1
        activation = "sigmoid" if independent else "softmax"
    if activation == "sigmoid":
        return [_sigmoid(value) for value in values]
    largest = max(values)
    exponentials = [math.exp(value - largest) for value in values]
    total = sum(exponentials)
    return [exponential / total for exponential in exponentials]


def score_differences(expected: Logits, actual: Logits, problem_type: ProblemType) -> Scores:
    """Return how far the scores of two models differ, element by element.

    A regressor's values have any size: above 1 their differences are shares of what is expected.
    """
    wanted, given = label_scores(expected, problem_type), label_scores(actual, problem_type)
    differences: Scores = np.abs(wanted - given)
    if problem_type == "regression":
        differences /= np.maximum(1.0, np.abs(wanted))
    return differences


def _sigmoid(value: float) -> float:
    small = math.exp(-abs(value))
    return (1.0 if value >= 0 else small) / (1.0 + small)


def rank_labels(
    scores: Sequence[float],
    labels: Sequence[str],
    top_k: int | None,
    threshold: float | Sequence[float],
) -> list[LabelScore]:
    """Return the labels by falling score, at most `top_k`, none under its threshold.

    Args:
        threshold: one for all labels, or one per label.
    """
    reached = [threshold] * len(labels) if isinstance(threshold, float) else threshold
    known = zip(scores, labels, reached, strict=True)
    kept = [(score, label) for score, label, least in known if score >= least]
    kept.sort(key=itemgetter(0), reverse=True)
    return [LabelScore(label, round(score, 6)) for score, label in kept[:top_k]]


def pool_windows(encoded: EncodedInput, logits: Sequence[Logits]) -> Logits:
    """Return one row of logits for a text: the windows' mean, weighted by the tokens in each."""
    if len(logits) == 1:
        return logits[0]
    weights = [len(window.content) for window in encoded.windows]
    pooled: Logits = np.average(np.stack(logits), axis=0, weights=weights).astype(np.float32)
    return pooled


@dataclass(frozen=True, slots=True, eq=False)
class TokenLogits:
    """The content tokens of a whole text, each once: logits [tokens, labels], offsets, subwords."""

    logits: Logits
    offsets: list[tuple[int, int]]
    subwords: list[bool]


def stitch_windows(encoded: EncodedInput, logits: Sequence[Logits]) -> TokenLogits:
    """Join the windows of a text so that every token appears once.

    A token in an overlap is taken from the window where it is further from the edge, because the
    model sees more context there. Decoding then runs once over the whole text, so an entity on a
    window's edge is found once and whole.
    """
    parts: list[Logits] = []
    offsets: list[tuple[int, int]] = []
    subwords: list[bool] = []
    last = len(encoded.windows) - 1
    for index, (window, rows) in enumerate(zip(encoded.windows, logits, strict=True)):
        kept = _positions_kept(window, encoded.overlap_tokens, first=index == 0, last=index == last)
        parts.append(rows[kept])
        offsets += [window.offsets[i] for i in kept]
        subwords += [window.subwords[i] for i in kept]
    return TokenLogits(np.concatenate(parts), offsets, subwords)


def _positions_kept(window: Encoding, overlap: int, *, first: bool, last: bool) -> list[int]:
    start = 0 if first else overlap // 2
    stop = len(window.content) - (0 if last else overlap - overlap // 2)
    return list(window.content[start:stop])
