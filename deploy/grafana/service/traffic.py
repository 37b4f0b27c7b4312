"""Requests and their times; answers and refusals apart."""

from deploy.grafana.board import Row
from deploy.grafana.panels import Query, lines
from deploy.grafana.promql import ANSWERED, INSTANCE, REFUSED, quantile, total
from deploy.grafana.service.queries import REQUESTS, SECONDS, SLOW

QUANTILES = (0.5, 0.95, 0.99)
STATUSES = {"^2": "green", "^4": "orange", "^5": "red"}
ROW = Row(
    "Requests and refusals",
    (
        lines(
            "Requests by status",
            "429: overload, callers should come back when they are told to. 499: the client "
            "left. 500: the model failed on that input alone, or a bug; the log has the "
            "request's id. 503: not ready, or shutting down. 504: its time ran out. Refusals "
            "stay here whichever model is chosen, as no model answered them.",
            Query(total(REQUESTS, "status"), "{{status}}"),
            unit="reqps", width=12, colours=STATUSES, stacked=True,
        ),
        lines(
            "Refusals by reason",
            "Of all routes and models. overload: over the queue's limit, add a replica. "
            "deadline: time ran out, queued or running. cancelled: clients hang up, is their "
            "time-out too short? not_ready: sent while loading or shutting down. invalid, "
            "unauthorized: callers' mistakes, see **Requests by key**. failed: see the log.",
            Query(total(f"classmark_rejections_total{{{INSTANCE}}}", "reason"), "{{reason}}"),
            unit="reqps", width=12, stacked=True,
        ),
        lines(
            "Latency of answers",
            "From a request's first byte to its answer, of answers alone. See "
            "**Time by stage, p95** (Engine) for where it goes.",
            *(Query(quantile(q, SECONDS, ANSWERED), f"p{100 * q:g}") for q in QUANTILES),
            unit="s", width=12, limits=SLOW,
        ),
        lines(
            "Time to refuse, p95",
            "A refusal takes about a millisecond. 5xx that take long: requests that waited "
            "until their time ran out (504), or failed as they ran (500). 4xx that take long: "
            "clients that send their bodies slowly.",
            Query(quantile(0.95, SECONDS, REFUSED, "status_class"), "{{status_class}}"),
            unit="s", width=12, colours=STATUSES,
        ),
    ),
)  # fmt: skip
