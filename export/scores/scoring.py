"""What makes served scores of logits: the temperature and the thresholds, both fitted on --eval."""

from dataclasses import dataclass

from export.checkpoint.config import ModelConfig
from export.errors import ExportError
from export.reference.workload import Workload
from export.scores.labelled_logits import observe
from export.scores.temperature import Fit, calibrate
from export.scores.thresholds import LabelThreshold, tune_thresholds


@dataclass(frozen=True, slots=True, eq=False)
class Scoring:
    """How logits become scores and labels.

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
    """Raise ExportError where thresholds cannot be tuned: say before any work why not."""
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
    """Fit the temperature, then the thresholds on the scores that it gives."""
    if not workload.examples or not (calibrated or tuned):
        return Scoring()
    observed = observe(config, workload)
    fit = calibrate(observed) if calibrated else None
    if not tuned:
        return Scoring(fit)
    scores = observed.scores(fit.temperature if fit else 1.0)
    return Scoring(fit, tune_thresholds(config.labels, scores, observed.truth, observed.half))
