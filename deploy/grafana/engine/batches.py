"""Batches: sizes, times, padding, failures."""

from deploy.grafana.board import Row
from deploy.grafana.engine.queries import PADDING, REAL, TOKENS
from deploy.grafana.panels import TOKENS_A_SECOND, Query, lines
from deploy.grafana.promql import MODEL, VERSION, increase, mean, quantile, total

ROW = Row(
    "Batches",
    (
        lines(
            "Texts in a batch",
            "It grows with load for graphs whose answers do not depend on the batch "
            "(batch_invariant in GET /v1/models); always 1 for others, which are then slow "
            "under load: export another precision.",
            Query(mean("classmark_batch_entries", MODEL, "model"), "{{model}} mean"),
            Query(quantile(0.95, "classmark_batch_entries", MODEL, "model"), "{{model}} p95"),
            unit="none",
        ),
        lines(
            "Time of a batch",
            "How long one holds its executor. If it grows for the same texts, the machine is "
            "slower: other processes, a CPU quota, heat; or a new version is.",
            *(
                Query(
                    quantile(q, "classmark_batch_seconds", VERSION, "model, version"),
                    f"{{{{model}}}} {{{{version}}}} p{100 * q:g}",
                )
                for q in (0.5, 0.95)
            ),
            unit="s",
        ),
        lines(
            "Batches by version",
            "Batches a second by version. A model with many and small ones takes executors "
            "from the others.",
            Query(
                total(f"classmark_batch_seconds_count{{{VERSION}}}", "model, version"),
                "{{model}} {{version}}",
            ),
            unit="suffix: batches/s",
        ),
        lines(
            "Tokens run by model",
            "By model, without padding: who uses the machine. Flat under growing load: at "
            "capacity.",
            Query(total(REAL, "model"), "{{model}}"),
            unit=TOKENS_A_SECOND, stacked=True,
        ),
        lines(
            "Padding by model",
            "Share of the tokens run that only filled texts up: device time for nothing. "
            "Over 10 % for long, lengths are unusually mixed: ask callers to send texts of "
            "like length together.",
            Query(
                f"{total(PADDING, 'model')} / {total(TOKENS, 'model')}", "{{model}}"
            ),
            unit="percentunit", limits=(("orange", 0.1),), most=1,
        ),
        lines(
            "Failed batches",
            "Batches that raised; their texts then ran one at a time, so that a poison input "
            "fails alone. Look for 'batch failed' in the log. Empty while none ever has.",
            Query(increase(f"classmark_batch_failures_total{{{MODEL}}}", "model"), "{{model}}"),
            unit="none", colours={".*": "red"},
        ),
    ),
)  # fmt: skip
