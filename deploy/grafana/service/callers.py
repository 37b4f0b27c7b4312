"""The same by who answered, and who asked."""

from deploy.grafana.board import Row
from deploy.grafana.panels import Query, lines
from deploy.grafana.promql import ANSWERED, INSTANCE, quantile, total
from deploy.grafana.service.queries import REQUESTS, SECONDS, SLOW

ROW = Row(
    "By instance, model, API and key",
    (
        lines(
            "Requests by instance",
            "One that gets none: the balancer thinks it is not ready, or clients keep their "
            "connections to others (CLASSMARK_MAX_CONNECTION_SECONDS ends that).",
            Query(total(REQUESTS, "instance"), "{{instance}}"),
            unit="reqps",
        ),
        lines(
            "Latency of answers by instance, p95",
            "One slower than the others at a like load: its machine is busy with something "
            "else, throttled or hot; see **CPU** (Engine).",
            Query(quantile(0.95, SECONDS, ANSWERED, "instance"), "{{instance}}"),
            unit="s", limits=SLOW,
        ),
        lines(
            "Requests by model and version",
            "After a reload the new version takes over at once. Without a name: refused "
            "before a model was found. Two versions for long: an instance does not follow.",
            Query(total(REQUESTS, "model, version"), "{{model}} {{version}}"),
            unit="reqps",
        ),
        lines(
            "Latency of answers by model, p95",
            "A version slower than the one before it: compare **Length of inputs** "
            "(Predictions), and precision and execution in **Versions, and what is wrong with "
            "them**.",
            Query(quantile(0.95, SECONDS, ANSWERED, "model, version"), "{{model}} {{version}}"),
            unit="s", limits=SLOW,
        ),
        lines(
            "Requests by route",
            "Which API is asked. An unexpected one: a client was moved, or is set up wrongly.",
            Query(total(REQUESTS, "route"), "{{route}}"),
            unit="reqps",
        ),
        lines(
            "Requests by key",
            "Who sends, by the name of the API key, and how much of it is refused (4xx) or "
            "fails (5xx). One key's flood: speak to its owner, or withdraw it. Empty without "
            "keys.",
            Query(
                total(f"classmark_key_requests_total{{{INSTANCE}}}", "key, status_class"),
                "{{key}} {{status_class}}",
            ),
            unit="reqps",
        ),
    ),
)  # fmt: skip
