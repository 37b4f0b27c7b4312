"""What was measured of the graphs of a checkpoint, and which int8 is best."""

from dataclasses import dataclass, replace

from app.bundle import Precision
from export.parity.candidate import Attempt, best
from export.schemes.pace import Pace


@dataclass(frozen=True, slots=True)
class Trial:
    """How one graph of a checkpoint fared.

    Attributes:
        attempt: what was measured, and the gate of an export; None where it failed.
        size: of the graph in bytes.
        reason: why there are no figures: the library's own error.
    """

    name: str
    precision: Precision
    attempt: Attempt | None = None
    size: int = 0
    pace: Pace | None = None
    reason: str = ""

    @property
    def title(self) -> str:
        return f"int8 {self.name}" if self.precision == "int8" else self.name


@dataclass(frozen=True, slots=True)
class ModelTrials:
    """All graphs of one checkpoint.

    Attributes:
        texts: inputs that int8 graphs were measured on.
        mean_tokens: of these.
        calibration: inputs that calibrated them.
    """

    name: str
    architecture: str
    parameters: int
    texts: int
    labelled: int
    mean_tokens: float
    calibration: int
    trials: tuple[Trial, ...]

    @property
    def taken(self) -> str:
        """The int8 scheme that is best by gate and speed; empty where none passes."""
        ran = {trial.name: _at_pace(trial) for trial in self.trials if trial.precision == "int8"}
        attempts = {name: attempt for name, attempt in ran.items() if attempt is not None}
        chosen = best(list(attempts.values()))
        return next((name for name, attempt in attempts.items() if attempt is chosen), "")


def _at_pace(trial: Trial) -> Attempt | None:
    """Return the attempt with its speed in the race, as a multiple of the base's in that round.

    One pass is at the mercy of its moment, and so are rounds, but for what they are to each other.
    """
    if trial.attempt is None or trial.pace is None:
        return trial.attempt
    measured = replace(trial.attempt.measured, texts_per_second=trial.pace.ratio)
    return replace(trial.attempt, measured=measured)
