"""What is wrong: instances, alerts, versions."""

from deploy.grafana.board import Row
from deploy.grafana.panels import Query, states, table
from deploy.grafana.promql import INSTANCE, JOB, MODEL, VERSION


def trouble(metric: str, words: str, but: str = "") -> str:
    """Return the instances on which a model is in trouble, with the words for it as its state."""
    found = f"max by (model, instance) (classmark_model_{metric}{{{MODEL}}}) == 1"
    if but:
        found = f"({found}) unless max by (model, instance) (classmark_model_{but}{{{MODEL}}}) == 1"
    return f'label_replace({found}, "state", "{words}", "", "")'


SERVES = "max by (model, version, task, precision, provider, execution, instance) "
SERVES += f"(classmark_model_info{{{VERSION}}})"
VERSIONS = table(
    "Versions, and what is wrong with them",
    "What answers now, and beside it each model that does not serve what the store wants. "
    "GET /v1/models of that instance has the reason in words. Two versions of a model: a roll-out, "
    "or an instance does not follow.",
    " or ".join(
        (
            f'label_replace({SERVES}, "state", "serves", "", "")',
            trouble("refused", "refused: the wanted version does not pass its checks"),
            trouble("behind", "behind: the wanted version is incomplete", but="refused"),
            trouble("degraded", "degraded: something faster failed here"),
        )
    ),
    ("model", "version", "state", "instance", "precision", "provider", "execution", "task"),
    24,
    {"^serves": "green", "^refused": "red", "^(behind|degraded)": "orange"},
    none="no model",
)
UP = f"sum by (instance) (up{{{JOB}}})"
READY = f"sum by (instance) (classmark_ready{{{INSTANCE}}})"
ROW = Row(
    "What is wrong",
    (
        states(
            "Instances",
            "Down: Prometheus cannot scrape it; see that it runs, and its log's last lines. "
            "Not ready: it runs, and /health/ready says why it does not answer.",
            Query(f"{UP} + ({READY} or 0 * {UP})", "{{instance}}"),
            (("down", "red"), ("not ready", "orange"), ("ready", "green")),
            width=12,
        ),
        table(
            "Alerts that fire",
            "Look each up in docs/runbook.md, under its name. To silence one that is worked "
            "on, take the link Silences at the top of this page.",
            'max by (severity, alertname, instance, model, topic) (ALERTS{alertstate="firing"})',
            ("severity", "alertname", "model", "topic", "instance"),
            12,
            {"critical": "red", "warning": "orange"},
            none="no alert fires",
        ),
        VERSIONS,
    ),
)
