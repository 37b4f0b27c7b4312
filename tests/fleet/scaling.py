"""Kubernetes' rule for the number of pods, as far as the chart's ScaledObject uses it.

It is HorizontalPodAutoscaler's rule for external metrics with an average value, which is what KEDA
makes of a trigger; https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

TOLERANCE = 0.1


def desired(replicas: int, values: Sequence[float], thresholds: Sequence[float]) -> int:
    """Return how many pods the trigger wants that wants most; near its threshold, none more."""

    def wanted(value: float, threshold: float) -> int:
        ratio = value / (threshold * replicas)
        return replicas if abs(ratio - 1) <= TOLERANCE else math.ceil(value / threshold)

    return max(map(wanted, values, thresholds))


@dataclass
class Autoscaler:
    """Follows what is desired within the limits and the behaviour of a ScaledObject."""

    spec: Mapping[str, Any]
    replicas: int
    # Moments with the number that was desired then, and with how many pods came or went.
    _desired: list[tuple[float, int]] = field(default_factory=list)
    _changes: list[tuple[float, int]] = field(default_factory=list)

    def step(self, now: float, values: Sequence[float]) -> int:
        """Take what the triggers' queries gave at a moment; return the number of pods from then."""
        behavior = self.spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
        # An autoscaler that has just begun takes the number it finds for what was desired.
        self._desired = self._desired or [(now, self.replicas)]
        self._desired.append((now, desired(self.replicas, values, thresholds(self.spec))))
        up = min(self._recent(now, behavior["scaleUp"]))
        down = max(self._recent(now, behavior["scaleDown"]))
        before = self.replicas
        if up > before:
            self.replicas = min(up, self._limit(now, behavior["scaleUp"], +1))
        elif down < before:
            self.replicas = max(down, self._limit(now, behavior["scaleDown"], -1))
        most, least = self.spec["maxReplicaCount"], self.spec["minReplicaCount"]
        self.replicas = max(least, min(most, self.replicas))
        self._changes.append((now, self.replicas - before))
        return self.replicas

    def _recent(self, now: float, rule: Mapping[str, Any]) -> list[int]:
        since = now - rule["stabilizationWindowSeconds"]
        return [number for at, number in self._desired if at > since or at == now]

    def _limit(self, now: float, rule: Mapping[str, Any], sign: int) -> int:
        """Return how far the one policy of the rule lets the number go now."""
        (policy,) = rule["policies"]
        assert policy["type"] == "Percent"
        since = now - policy["periodSeconds"]
        changed = sum(change for at, change in self._changes if at > since and change * sign > 0)
        limit = (self.replicas - changed) * (1 + sign * policy["value"] / 100)
        return int(math.ceil(limit) if sign > 0 else math.floor(limit))


def queries(spec: Mapping[str, Any]) -> list[str]:
    return [str(trigger["metadata"]["query"]) for trigger in spec["triggers"]]


def thresholds(spec: Mapping[str, Any]) -> list[float]:
    return [float(trigger["metadata"]["threshold"]) for trigger in spec["triggers"]]
