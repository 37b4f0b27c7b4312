"""Executors, restarts and loads."""

from deploy.grafana.board import Row
from deploy.grafana.engine.queries import ALIVE, BUSY, FULL
from deploy.grafana.panels import Query, lines
from deploy.grafana.promql import INSTANCE, MODEL, increase, total

ROW = Row(
    "Executors, restarts and loads",
    (
        lines(
            "Executors",
            "busy is the mean over the interval; near alive: at capacity. stuck: a batch has "
            "run for a minute or more and the instance calls itself not ready; restart it if "
            "that does not end.",
            Query(
                f'sum by (state) (classmark_executors{{{INSTANCE},state!="busy"}})', "{{state}}"
            ),
            Query(total(BUSY), "busy"),
            unit="none", width=6, colours={"stuck": "red"},
        ),
        lines(
            "Busy share by instance",
            "One busier than the others: load is not spread, as clients keep connections; see "
            "CLASSMARK_MAX_CONNECTION_SECONDS.",
            Query(f"{total(BUSY, 'instance')} / sum by (instance) {ALIVE}", "{{instance}}"),
            unit="percentunit", width=6, limits=FULL, most=1,
        ),
        lines(
            "Restarts",
            "Executors that died and were replaced, and processes by role where there are "
            "several (CLASSMARK_WORKERS). Any at all: see the log's lines before it.",
            Query(
                increase(f"classmark_executor_restarts_total{{{INSTANCE}}}", "instance"),
                "{{instance}} executor",
            ),
            Query(
                increase(f"classmark_process_restarts_total{{{INSTANCE}}}", "instance, role"),
                "{{instance}} {{role}}",
            ),
            unit="none", width=6, colours={".*": "red"},
        ),
        lines(
            "Time to load a version",
            "Mean, since the start, of verifying, loading, warming up and checking. The old "
            "version answers meanwhile. It grows where CPU is short: see **CPU**.",
            Query(
                f"sum by (model) (classmark_model_load_seconds_sum{{{MODEL}}})"
                f" / sum by (model) (classmark_model_load_seconds_count{{{MODEL}}})",
                "{{model}}",
            ),
            unit="s", width=6,
        ),
    ),
)  # fmt: skip
