"""Texts that calibrate a graph, apart from those it is measured on."""

from app.engine.text.encoding import Encoding
from export.reference.workload import Workload, spread

CALIBRATION_TEXTS = 64
# Of so many texts enough are left to measure on.
PLENTY = 4 * CALIBRATION_TEXTS


def split_workload(workload: Workload) -> tuple[list[Encoding], Workload]:
    """Return what to calibrate on, spread over the lengths, and the rest to measure on.

    Golden cases are always measured. With few texts all are measured, those too that calibrate.
    """
    golden = set(workload.golden)
    free = [position for position in workload.by_length if position not in golden]
    chosen = spread(free, CALIBRATION_TEXTS)
    calibration = [workload.encodings[i] for i in chosen]
    if len(workload.inputs) < PLENTY:
        return calibration, workload
    left_out = set(chosen)
    return calibration, workload.keep([i for i in range(len(workload.inputs)) if i not in left_out])
