"""Scores of a checkpoint on held-out examples."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

Row = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Baseline:
    """What always giving the commonest answer scores, in the headline's metric."""

    answer: str
    value: float


@dataclass(frozen=True, slots=True)
class Scores:
    """Metrics by name, a table by label and, for single-label texts, the confusion matrix."""

    # The metric that the log and evaluation.json name first. Early stopping goes by macro F1 (of a
    # tagger by F1 over all entities), whatever the headline is.
    headline: str
    metrics: Mapping[str, float]
    per_label: Mapping[str, Row]
    confusion: tuple[tuple[int, ...], ...] | None = None  # rows: true, columns: predicted
    baseline: Baseline | None = None
    never_predicted: tuple[str, ...] = ()

    @property
    def value(self) -> float:
        return self.metrics[self.headline]

    def as_dict(self) -> dict[str, Any]:
        """Return the scores as `evaluation.json` holds them."""
        return {
            "headline": self.headline,
            "metrics": dict(self.metrics),
            "per_label": {label: dict(row) for label, row in self.per_label.items()},
            "confusion_matrix": self.confusion,
            "baseline": None if self.baseline is None else asdict(self.baseline),
            "never_predicted": list(self.never_predicted),
        }

    def warnings(self) -> list[str]:
        """Say what is wrong with the answers, however good the score looks."""
        found = []
        if self.baseline is not None and self.value <= self.baseline.value:
            found.append(
                f"{self.headline} {self.value:.4f} is no better than always answering "
                f"{self.baseline.answer}: {self.baseline.value:.4f}; train longer, on more rows, "
                "or with another --learning-rate"
            )
        if self.never_predicted:
            shown = ", ".join(
                f"{name} ({self.per_label[name]['support'] if name in self.per_label else 0})"
                for name in self.never_predicted
            )
            found.append(
                f"never predicted: {shown}; in brackets how often it is true in the held-out data"
            )
        return found


def score_label(right: int, given: int, true: int) -> Row:
    """Return a label's row of the table; a share of nothing is 0."""
    return {
        "precision": right / given if given else 0.0,
        "recall": right / true if true else 0.0,
        "f1": 2 * right / (given + true) if right else 0.0,
        "support": true,
    }
