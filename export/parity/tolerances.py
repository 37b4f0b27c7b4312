"""Set how far a graph may differ from the checkpoint: one tolerance a precision.

A graph passes its gate when every figure is within the limits of its tolerance, or so close outside
that chance explains it: see `export.parity.significance`.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from app.bundle.base import Precision
from export.errors import ExportError
from export.parity.significance import LEAST_LOST, texts_needed


@dataclass(frozen=True, slots=True)
class Tolerance:
    """The limits of one precision.

    Attributes:
        agreement: least share of equal labels.
        score_difference: greatest difference of any score.
        metric_loss: greatest loss of the headline metric on the labelled set, 0.01 is one point.
    """

    agreement: float
    score_difference: float = 1.0
    metric_loss: float = 1.0

    def __str__(self) -> str:
        limits = [f"agreement >= {self.agreement:g}"]
        if self.score_difference < 1.0:
            limits.append(f"score difference <= {self.score_difference:g}")
        if self.metric_loss < 1.0:
            limits.append(f"metric loss <= {self.metric_loss:g}")
        return ", ".join(limits)


Tolerances = Mapping[Precision, Tolerance]
TOLERANCES: Tolerances = MappingProxyType(
    {
        "fp32": Tolerance(agreement=1.0, score_difference=1e-3),
        "fp16": Tolerance(agreement=0.995, metric_loss=0.01),
        "int8": Tolerance(agreement=0.985, metric_loss=0.005),
    }
)


def change_tolerances(settings: Iterable[str]) -> Tolerances:
    """Return the tolerances with changes such as `int8.agreement=0.97` applied.

    Raises:
        ExportError: a precision or figure is unknown, or a number is not from 0 to 1.
    """
    changed = dict(TOLERANCES)
    for setting in settings:
        name, _, value = setting.partition("=")
        precision, _, figure = name.partition(".")
        figures = [field.name for field in dataclasses.fields(Tolerance)]
        match = next((known for known in TOLERANCES if known == precision), None)
        if match is None or figure not in figures:
            raise ExportError(
                f"tolerance {setting!r} is not PRECISION.FIGURE=NUMBER with a precision of "
                f"{', '.join(TOLERANCES)} and a figure of {', '.join(figures)}"
            )
        changed[match] = dataclasses.replace(
            changed[match], **{figure: read_share(f"tolerance {setting!r}", value)}
        )
    return MappingProxyType(changed)


def warn_coarse(
    precisions: Iterable[Precision], tolerances: Tolerances, labelled: int
) -> tuple[str, ...]:
    """Say how many labelled texts would show a loss beyond each limit, where there are too few.

    fp32 and fp16 differ from the checkpoint by rounding and are measured on some of the texts, so
    only int8 needs many.
    """
    limit = tolerances["int8"].metric_loss
    if "int8" not in precisions or not labelled or limit <= 0.0:
        return ()
    needed = texts_needed(limit)
    if labelled >= needed:
        return ()
    seen = min(1.0, LEAST_LOST / labelled)
    return (
        f"{labelled} labelled texts show a loss of the metric from {seen:.3f} on; to hold int8 to "
        f"its limit, {limit:g}, takes {needed}",
    )


def read_share(setting: str, value: str) -> float:
    """Parse a share from 0 to 1; raise ExportError naming the setting."""
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not 0.0 <= number <= 1.0:
        raise ExportError(f"{setting}: {value!r} is not a number from 0 to 1")
    return number
