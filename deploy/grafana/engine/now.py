"""Is the machine at capacity."""

from deploy.grafana.board import Row
from deploy.grafana.engine.queries import ALIVE, BUSY, FULL, PADDING, REAL, TOKENS, WAIT, WAITS
from deploy.grafana.panels import TOKENS_A_SECOND, stat
from deploy.grafana.promql import INSTANCE, increase, total

RESTARTS = f"classmark_executor_restarts_total{{{INSTANCE}}}"
ROW = Row(
    "",
    (
        stat(
            "Executors busy",
            "Share of the executors' time in batches: load by capacity. Over 70 % plan for "
            "another replica; at 100 % the queue grows until requests are refused.",
            f"{total(BUSY)} / sum {ALIVE}",
            "percentunit",
            (("green", 0), *FULL),
        ),
        stat(
            "Expected wait",
            "What admission expects a new request to wait, where it is longest. At "
            "CLASSMARK_MAX_QUEUE_SECONDS (5 s by default) requests are refused with 429.",
            f"max({WAIT})",
            "s",
            (("green", 0), *WAITS),
        ),
        stat(
            "Padding",
            "Share of tokens that ran only to fill texts up to the longest of their batch. "
            "Over 10 % for long: lengths are unusually mixed; see **Padding by model**.",
            f"{total(PADDING)} / {total(TOKENS)}",
            "percentunit",
            (("green", 0), ("orange", 0.1), ("red", 0.3)),
        ),
        stat(
            "Tokens run",
            "Tokens a second without padding: the work done, comparable over texts of any "
            "length. Flat under growing load: at capacity.",
            total(REAL),
            TOKENS_A_SECOND,
        ),
        stat(
            "Executors restarted",
            "Executors that died and were replaced, in the chosen range of time. It should be "
            "0: look for 'executor died' in the log.",
            increase(RESTARTS, window="$__range"),
            "none",
            (("green", 0), ("red", 1)),
        ),
        stat(
            "Cold start",
            "From a process's start until it was first ready, of the slowest instance. It "
            "grows with models and their warm-up: allow start-up probes several times that.",
            f"max(classmark_cold_start_seconds{{{INSTANCE}}})",
            "s",
            (("green", 0), ("orange", 30), ("red", 120)),
            none="not ready yet",
        ),
    ),
)  # fmt: skip
