"""Fit on --eval what turns logits into served scores: the temperature and the thresholds."""

from dataclasses import dataclass

from export.checkpoint.config import ModelConfig
from export.errors import ExportError
from export.reference.workload import Workload
from export.scores.labelled_logits import label_logits
from export.scores.temperature import Fit, calibrate
from export.scores.thresholds import LabelThreshold, tune_thresholds


@dataclass(frozen=True, slots=True, eq=False)
class Scoring:
    """The temperature and thresholds that turn logits into scores and labels.

    Attributes:
        fit: None without labelled examples or with --no-calibration.
        tuned: empty unless --tune-thresholds was given.
    """

    fit: Fit | None = None
    tuned: tuple[LabelThreshold, ...] = ()

    @property
    def temperature(self) -> float:
        return self.fit.temperature if self.fit else 1.0

    @property
    def label_thresholds(self) -> dict[str, float] | None:
        return {one.label: one.threshold for one in self.tuned} or None

    def __str__(self) -> str:
        parts = [str(self.fit)] if self.fit else []
        if self.tuned:
            values = [one.threshold for one in self.tuned]
            parts.append(f"thresholds {min(values):.2f} to {max(values):.2f}")
        return "; ".join(parts)


def check_tunable(config: ModelConfig, *, evaluated: bool) -> None:
    """Raise ExportError if thresholds cannot be tuned, before any work is done."""
    if config.problem_type != "multi_label":
        raise ExportError(
            f"--tune-thresholds: the checkpoint's problem type is {config.problem_type} "
            f"({config.task}), thresholds are tuned for multi_label only; leave the flag out"
        )
    if not evaluated:
        raise ExportError("--tune-thresholds: no labelled examples; give them with --eval FILE")


def fit_scoring(
    config: ModelConfig, workload: Workload, *, calibrated: bool, tuned: bool
) -> Scoring:
    """Fit the temperature, then the thresholds on the scores at that temperature."""
    labelled = label_logits(config, workload)
    fit = calibrate(labelled) if calibrated else None
    if not tuned:
        return Scoring(fit)
    scores = labelled.scores(fit.temperature if fit else 1.0)
    return Scoring(fit, tune_thresholds(config.labels, scores, labelled.truth, labelled.half))
