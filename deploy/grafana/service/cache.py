"""Answer cache, connections, loads of versions."""

from deploy.grafana.board import Row
from deploy.grafana.panels import TEXTS, Query, lines
from deploy.grafana.promql import INSTANCE, MODEL, increase, share, total

LOOKUPS = f"classmark_cache_lookups_total{{{MODEL}}}"
HITS = f'classmark_cache_lookups_total{{{MODEL},outcome="hit"}}'

ROW = Row(
    "Cache, connections and reloads",
    (
        lines(
            "Cache hits",
            "Share of inputs whose answer was known. Near nothing for long: texts do not "
            "repeat, so CLASSMARK_CACHE_MEGABYTES=0 saves its memory. It falls after each "
            "reload, as answers go with their version. Empty where the cache is off.",
            Query(share(HITS, LOOKUPS, "model"), "{{model}}"),
            unit="percentunit", width=8, most=1,
        ),
        lines(
            "Cache size",
            "An estimate of what kept answers take. At CLASSMARK_CACHE_MEGABYTES the oldest "
            "go; hits that fall then mean it is too small.",
            Query(f"sum by (instance) (classmark_cache_bytes{{{INSTANCE}}})", "{{instance}}"),
            unit="bytes", width=8,
        ),
        lines(
            "Connections and requests in flight",
            "Connections that grow without requests: clients that never close. At "
            "CLASSMARK_MAX_CONNECTIONS more are refused with 503. A scrape is in flight too.",
            Query(
                f"sum by (instance) (classmark_connections{{{INSTANCE}}})",
                "{{instance}} connections",
            ),
            Query(
                f"sum by (instance) (classmark_requests_in_flight{{{INSTANCE}}})",
                "{{instance}} in flight",
            ),
            unit="none", width=8,
        ),
        lines(
            "Loads of versions",
            "failed: refused, the old version serves on; see **Versions, and what is wrong with "
            "them**. incomplete: files missing, a copy under way or cut short. Vertical lines "
            "on every panel are swaps (blue) and refusals (red).",
            Query(
                increase(f"classmark_reloads_total{{{MODEL}}}", "model, outcome"),
                "{{model}} {{outcome}}",
            ),
            unit="none", width=12,
            colours={"failed$": "red", "incomplete$": "orange", "loaded$": "green"},
        ),
        lines(
            "Inputs with an error in their place",
            "Inputs that failed while their neighbours were answered (on_error: report). 4xx: "
            "the callers' inputs; 5xx: the model failed on them, see the log. Empty while "
            "nobody asks for such reports.",
            Query(
                total(f"classmark_failed_inputs_total{{{MODEL}}}", "model, status_class"),
                "{{model}} {{status_class}}",
            ),
            unit=TEXTS, width=12, colours={"5xx$": "red", "4xx$": "orange"},
        ),
    ),
)  # fmt: skip
