"""Queue, and where the time of an answer goes."""

from deploy.grafana.board import Row
from deploy.grafana.engine.queries import WAIT, WAITS
from deploy.grafana.panels import Query, lines
from deploy.grafana.promql import INSTANCE, MODEL, mean, quantile

STAGE = ("classmark_stage_seconds", MODEL, "stage")
ROW = Row(
    "Queue and stages",
    (
        lines(
            "Queue",
            "Texts, or their windows, that wait for an executor. Flat at a high value: the "
            "queue's limit holds and requests are refused; add a replica.",
            Query(
                f"sum by (instance) (classmark_queue_entries{{{INSTANCE}}})", "{{instance}}"
            ),
            unit="none", width=6,
        ),
        lines(
            "Expected wait by instance",
            "Queued work at the pace batches really run. Over CLASSMARK_MAX_QUEUE_SECONDS "
            "requests are refused. One instance alone: its machine is slower.",
            Query(f"max by (instance) ({WAIT})", "{{instance}}"),
            unit="s", width=6, limits=WAITS,
        ),
        lines(
            "Time by stage, p95",
            "Of answered requests. encode: tokenizing; it grows alone with very long texts. "
            "queue: waiting for an executor; it grows first under overload. run: on the "
            "device. decode: scores and JSON.",
            Query(quantile(0.95, *STAGE), "{{stage}}"),
            unit="s", width=6,
        ),
        lines(
            "Time by stage, mean",
            "How an answer's time is spent, one stage upon the other. Mostly queue: too "
            "little capacity. Mostly encode or decode: the one Python process is the limit; "
            "see CLASSMARK_WORKERS.",
            Query(mean(*STAGE), "{{stage}}"),
            unit="s", width=6, stacked=True,
        ),
    ),
)  # fmt: skip
