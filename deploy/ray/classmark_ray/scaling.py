"""How many servers a load needs. Ray copies this module to its controller: it imports nothing."""

import math
from typing import Any, Protocol

TARGET_SHARE = 0.7
# Less of a change than this is noise.
TOLERANCE = 0.1
# Half of what most clients put up with; below saturation the wait is near 0.
LONG_WAIT_SECONDS = 0.5


class ScalingContext(Protocol):
    """What is needed of Ray's AutoscalingContext."""

    @property
    def aggregated_metrics(self) -> dict[str, dict[Any, float]] | None: ...

    @property
    def current_num_replicas(self) -> int: ...

    @property
    def target_num_replicas(self) -> int: ...


def servers_needed(context: ScalingContext) -> tuple[int, dict[str, Any]]:
    """Return how many servers bring the busy share to its target, and no state of its own.

    Bounds, delays and factors of Ray's AutoscalingConfig apply to it.
    """
    metrics = context.aggregated_metrics or {}
    shares = metrics.get("busy_share", {}).values()
    if not shares:  # nobody has reported yet
        return context.target_num_replicas, {}
    running = context.current_num_replicas
    excess = sum(shares) / len(shares) / TARGET_SHARE
    needed = running if abs(excess - 1) <= TOLERANCE else max(1, math.ceil(running * excess))
    if max(metrics.get("expected_wait", {}).values(), default=0.0) > LONG_WAIT_SECONDS:
        needed = max(needed, running + 1)
    return needed, {}
