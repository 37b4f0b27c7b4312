"""What memory there is and what is left of it is exported, of several workers once."""

import pytest

from app.memory import SystemMemory
from app.telemetry import memory
from app.telemetry.metrics import Metrics
from app.workers.metrics_merge import merge, take_snapshot


@pytest.mark.parametrize(("limit", "exported"), [(1000, 1000), (None, 4000)])
def test_the_limit_is_the_containers_or_else_the_machines(
    monkeypatch: pytest.MonkeyPatch, limit: int | None, exported: int
) -> None:
    monkeypatch.setattr(memory, "read_memory", lambda: SystemMemory(4000, 300, limit))
    value = Metrics().registry.get_sample_value
    assert (value(memory.LIMIT), value(memory.AVAILABLE)) == (exported, 300)


def test_workers_share_one_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "read_memory", lambda: SystemMemory(4000, 300, 1000))
    families = merge([take_snapshot(Metrics().registry) for _ in range(3)])
    values = {sample[0]: sample[2] for family in families for sample in family[3]}
    assert (values[memory.LIMIT], values[memory.AVAILABLE]) == (1000, 300)


def test_a_system_that_does_not_tell_has_no_such_metric(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "read_memory", lambda: None)
    assert Metrics().registry.get_sample_value(memory.LIMIT) is None
