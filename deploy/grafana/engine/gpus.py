"""GPUs."""

from deploy.grafana.board import Row
from deploy.grafana.engine.queries import FULL
from deploy.grafana.panels import Query, lines
from deploy.grafana.promql import INSTANCE


def of_each(metric: str) -> str:
    return f"max by (instance, gpu) (classmark_gpu_{metric}{{{INSTANCE}}})"


ROW = Row(
    "GPUs",
    (
        lines(
            "GPU use",
            "Share of time in which the GPU ran anything. Low while requests queue: it waits "
            "for the CPU, which encodes and lays out; see **Time by stage, mean**, "
            "and CLASSMARK_WORKERS.",
            Query(of_each("utilization_ratio"), "{{instance}} {{gpu}}"),
            unit="percentunit", most=1,
        ),
        lines(
            "GPU memory",
            "Share taken, by any process. It grows while a new version loads beside the old "
            "one; full: loads fail, and the old version serves on.",
            Query(
                f"{of_each('memory_used_bytes')} / {of_each('memory_total_bytes')}",
                "{{instance}} {{gpu}}",
            ),
            unit="percentunit", limits=FULL, most=1,
        ),
        lines(
            "GPU temperature",
            "Above what its maker allows, some 85 degrees, a GPU slows itself down: look "
            "after its cooling.",
            Query(of_each("temperature_celsius"), "{{instance}} {{gpu}}"),
            unit="celsius", limits=(("red", 85),),
        ),
    ),
    folded=True,
)  # fmt: skip
