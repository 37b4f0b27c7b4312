"""What the operating system says of the processes."""

from deploy.grafana.board import Row
from deploy.grafana.engine.queries import FULL
from deploy.grafana.panels import Query, lines
from deploy.grafana.promql import INSTANCE, JOB

ROW = Row(
    "Processes",
    (
        lines(
            "Memory",
            "Resident. It rises for a moment at a reload, when two versions are loaded; a "
            "rise that stays after each reload is a leak. GET /v1/models predicts it.",
            Query(f"process_resident_memory_bytes{{{JOB}}}", "{{instance}}"),
            unit="bytes",
        ),
        lines(
            "Memory left",
            "Share of the container's memory, or of the machine's, that may still be taken. A load "
            "takes two copies of its graph beside it for a moment; at nothing the process is "
            "killed: raise the limit, or serve fewer models.",
            Query(
                f"sum by (instance) (classmark_memory_available_bytes{{{INSTANCE}}})"
                f" / sum by (instance) (classmark_memory_limit_bytes{{{INSTANCE}}})",
                "{{instance}}",
            ),
            unit="percentunit", most=1,
        ),
        lines(
            "CPU",
            "Cores used. Near the number of executors: at capacity. Far below while requests "
            "queue: a CPU quota throttles, or other processes take the cores.",
            Query(f"rate(process_cpu_seconds_total{{{JOB}}}[$__rate_interval])", "{{instance}}"),
            unit="none",
        ),
        lines(
            "Descriptors",
            "Share of the open files and sockets that the process may have. Near 100 %: raise "
            "the limit (ulimit -n), or lower CLASSMARK_MAX_CONNECTIONS.",
            Query(
                f"process_open_fds{{{JOB}}} / process_max_fds{{{JOB}}}", "{{instance}}"
            ),
            unit="percentunit", width=12, limits=FULL, most=1,
        ),
        lines(
            "Age",
            "Since the process started. Saw teeth: it crashes and is restarted; see its log's "
            "last lines, and **Memory** for a limit it ran into.",
            Query(f"time() - process_start_time_seconds{{{JOB}}}", "{{instance}}"),
            unit="s", width=12,
        ),
    ),
)  # fmt: skip
