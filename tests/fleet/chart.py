"""The numbers that the chart gives to pods: how they are probed, and how they stop."""

from dataclasses import dataclass
from pathlib import Path

import yaml

VALUES = Path(__file__).parents[2] / "deploy/kubernetes/classmark/values.yaml"


@dataclass(frozen=True)
class ChartNumbers:
    """All but the failures are seconds."""

    probe_seconds: float
    probe_failures: int
    pre_stop_seconds: float
    drain_seconds: float
    grace_seconds: float


def read_chart() -> ChartNumbers:
    values = yaml.safe_load(VALUES.read_text())
    readiness, stop = values["probes"]["readiness"], values["stop"]
    return ChartNumbers(
        probe_seconds=readiness["periodSeconds"],
        probe_failures=readiness["failureThreshold"],
        pre_stop_seconds=stop["preStopSeconds"],
        drain_seconds=values["settings"]["drainSeconds"],
        grace_seconds=stop["graceSeconds"],
    )
