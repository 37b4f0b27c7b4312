"""Is the service there, how fast does it answer, whom does it refuse."""

from deploy.grafana.board import Row
from deploy.grafana.panels import Query, stat, words
from deploy.grafana.promql import ANSWERED, ASKED, INSTANCE, JOB, quantile, total
from deploy.grafana.service.queries import REQUESTS, SECONDS, SLOW

READY = f"(sum(classmark_ready{{{INSTANCE}}}) or vector(0))"
LOOKED_FOR = f"count(up{{{JOB}}})"
# Both are counted into labels: the words say n of m, and their share is the colour.
WORDS = f'count_values("ready", {READY}) * on () group_left (of) count_values("of", {LOOKED_FOR})'
N_OF_M = Query(
    f"{WORDS} * on () group_left () ({READY} / {LOOKED_FOR})", "{{ready}} of {{of}} ready"
)
FAILED = total(f'classmark_requests_total{{{ASKED},status=~"429|5.."}}')

ROW = Row(
    "",
    (
        words(
            "Ready",
            "Instances that can answer, of all that Prometheus looks for; green only if all "
            "can. Else see **Instances** for which, and ask its /health/ready, which names the "
            "reason: models loading, none serves, an executor stuck, shutting down.",
            N_OF_M,
            (("red", 0), ("green", 1)),
            none="no instance",
        ),
        stat(
            "Requests",
            "Requests to models, in every API, whatever became of them. None at all: look at "
            "what sends them, then at **Instances**.",
            total(REQUESTS),
            "reqps",
        ),
        stat(
            "Latency of answers, p99",
            "One answer in a hundred took longer; refusals do not count. If it is high, see "
            "**Time by stage, p95** (Engine): queue means too little capacity, run means long or "
            "many inputs.",
            quantile(0.99, SECONDS, ANSWERED),
            "s",
            (("green", 0), *SLOW),
            none="no answers",
        ),
        stat(
            "Refused or failed",
            "Share of requests that ended with 429 or 5xx. **Refusals by reason** says why. "
            "Callers' own mistakes (400 to 422) do not count.",
            f"({FAILED} or vector(0)) / {total(REQUESTS)}",
            "percentunit",
            (("green", 0), ("orange", 0.001), ("red", 0.01)),
            none="no requests",
        ),
        stat(
            "Alerts firing",
            "They are in **Alerts that fire**. The link Alerts, at the top of this page, has their "
            "rules and runbooks.",
            'count(ALERTS{alertstate="firing"}) or vector(0)',
            "none",
            (("green", 0), ("red", 1)),
        ),
        words(
            "Build",
            "Versions of the service that run now. Two of them: a roll-out is under way, or it "
            "stopped half way; **Instances** says which are ready.",
            Query(
                f"count by (version) (classmark_build_info{{{INSTANCE}}})", "{{version}}"
            ),
            none="no instance",
        ),
    ),
)  # fmt: skip
