"""The model store in a bucket."""

from deploy.grafana.board import Row
from deploy.grafana.panels import Query, lines
from deploy.grafana.promql import INSTANCE, increase, total

ROW = Row(
    "Model store in a bucket",
    (
        lines(
            "Age of the cache",
            "Since it was last known to be what the bucket wants. It grows while the bucket "
            "cannot be reached or holds a damaged version: new versions do not arrive, what "
            "is there serves on.",
            Query(
                f"max by (instance) (classmark_store_sync_age_seconds{{{INSTANCE}}})",
                "{{instance}}",
            ),
            unit="s", limits=(("red", 300),),
        ),
        lines(
            "Failures by reason",
            "unreachable: network, address or credentials. refused: a damaged or missing "
            "version, push it again. disk: the cache cannot be written, is it full?",
            Query(
                increase(f"classmark_store_sync_failures_total{{{INSTANCE}}}", "reason"),
                "{{reason}}",
            ),
            unit="none", colours={".*": "red"},
        ),
        lines(
            "Fetched",
            "Bytes of versions a second. For ever without an end: a version is fetched anew "
            "as it fails; see **Failures by reason**.",
            Query(
                total(f"classmark_store_fetched_bytes_total{{{INSTANCE}}}", "instance"),
                "{{instance}}",
            ),
            unit="Bps",
        ),
    ),
    folded=True,
)  # fmt: skip
