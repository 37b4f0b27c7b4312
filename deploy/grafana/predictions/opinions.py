"""Topics and sentiments of analyzed texts."""

from deploy.grafana.board import Row
from deploy.grafana.panels import TEXTS, Query, bars, lines, states
from deploy.grafana.predictions.queries import NEGATIVE, OPINIONS, SURGE, SURGES
from deploy.grafana.promql import share, total

ROW = Row(
    "Opinions: what /v1/analyze found",
    (
        lines(
            "Opinions by topic",
            "Analyzed texts a second. A topic that bursts is talked about; with a negative "
            "share that rises too, it is a surge.",
            Query(total(OPINIONS, "topic"), "{{topic}}"),
            unit=TEXTS, stacked=True,
        ),
        lines(
            "Opinions by sentiment",
            "Over all topics. A change at a reload's line is the model, not the people.",
            Query(total(OPINIONS, "sentiment"), "{{sentiment}}"),
            unit=TEXTS, colours={"^negative$": "red"}, stacked=True,
        ),
        bars(
            "Negative share over the range",
            "By topic, the worst first. With few texts it means little: see **Opinions by topic**.",
            Query(
                f"sort_desc({share(NEGATIVE, OPINIONS, 'topic', '$__range')})",
                "{{topic}}",
            ),
            "percentunit", 8,
        ),
        lines(
            "Negative share and its baseline",
            "now: over the last 10 minutes; usual: the topic's own baseline. Far above it with "
            "enough texts, the alert fires. Empty without the recording rules of "
            "docker/prometheus/rules, and until a baseline is there.",
            Query("classmark:opinions_negative:ratio_rate10m", "{{topic}} now"),
            Query("classmark:opinions_negative:ratio_baseline", "{{topic}} usual"),
            unit="percentunit", width=16, most=1,
        ),
        states(
            "Surges",
            "When ClassmarkOpinionSurge was pending or fired, by topic. Read what was sent in "
            "that time, and GET /v1/opinions/entities for who is named with it.",
            Query(f"max by (topic) ({SURGE}) or 0 * max by (topic) ({SURGES})", "{{topic}}"),
            (("pending", "orange"), ("fires", "red")),
            width=8,
        ),
    ),
)  # fmt: skip
