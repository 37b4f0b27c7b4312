"""Rules and dashboard speak only of what the service exports, and promtool accepts them."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from app.engine.backends.cuda.nvml import METRICS as GPU_METRICS
from app.mirror.metrics import MirrorMetrics
from app.telemetry.histogram import Histogram
from app.telemetry.metrics import Metrics
from tests.deployment.files import (
    ALERT_TESTS,
    KSERVE,
    PROMETHEUS,
    ROOT,
    alert_rules,
    expressions,
    panel_targets,
)

# What Prometheus adds: to every series of a target, and of its own.
TARGET_LABELS = {"job", "instance", "service"}
PROMETHEUS_SERIES = {"up": set[str](), "ALERTS": {"alertname", "alertstate", "severity"}}
SUFFIXES = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_sum", "_count"]}

promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed; Debian's prometheus has it"
)


def exported() -> dict[str, set[str]]:
    """Return the label names of every series the service exports."""
    metrics, series = Metrics(), dict(PROMETHEUS_SERIES)
    mirror = MirrorMetrics(metrics.registry)  # there only with a bucket
    for metric in (*vars(metrics).values(), *vars(mirror).values()):
        if isinstance(metric, MetricWrapperBase | Histogram):
            (family,) = metric.collect()
            for suffix in SUFFIXES[family.type]:
                # The library tells a metric's label names in no public way.
                series[family.name + suffix] = set(metric._labelnames)
    for family in metrics.registry.collect():
        for sample in family.samples:
            series.setdefault(sample.name, set(sample.labels))
    # Those are there only where a GPU is.
    return series | {name: {"gpu"} for name, _, _ in GPU_METRICS}


SERIES = exported()


def used_series(expression: str) -> list[tuple[str, set[str]]]:
    """Return every metric an expression selects with the labels its matchers name."""
    found = re.findall(
        r"\b((?:classmark|process|python)_\w+|up|ALERTS)\b(?:\{([^}]*)\})?", expression
    )
    return [(name, set(re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*"', given))) for name, given in found]


@pytest.mark.parametrize("expression", expressions().values(), ids=expressions())
def test_every_metric_and_label_of_dashboard_and_rules_is_exported(expression: str) -> None:
    used = used_series(re.sub(r'(job|instance)="[^"]*"', r'\1=""', expression))
    assert used
    for name, matched in used:
        assert name in SERIES
        assert matched <= SERIES[name] | TARGET_LABELS
    available = set().union({"le"}, TARGET_LABELS, *(SERIES[name] for name, _ in used))
    for grouping in re.findall(r"\bby \(([^)]*)\)", expression):
        assert {label.strip() for label in grouping.split(",")} <= available


def test_every_metric_that_pods_are_scaled_by_is_exported() -> None:
    _, scaled = yaml.safe_load_all(KSERVE.read_text())
    for trigger in scaled["spec"]["triggers"]:
        ((name, _),) = used_series(trigger["metadata"]["query"])
        assert name in SERIES


@pytest.mark.parametrize(("title", "target"), panel_targets())
def test_a_legend_names_only_labels_its_query_keeps(title: str, target: dict[str, str]) -> None:
    legend = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
    groupings = re.findall(r"\bby \(([^)]*)\)", target["expr"])
    if groupings:
        assert legend <= {label.strip() for label in groupings[0].split(",")}
    else:
        assert legend <= TARGET_LABELS


def test_every_alert_says_how_bad_it_is_and_what_to_do() -> None:
    for rule in alert_rules():
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert set(rule["annotations"]) == {"summary", "remedy"}


def test_every_alert_has_a_test() -> None:
    tested = set(re.findall(r"alertname: (\w+)", ALERT_TESTS.read_text()))
    assert tested == {rule["alert"] for rule in alert_rules()}


@promtool
@pytest.mark.parametrize(
    ("command", "path"), [(("check", "config"), PROMETHEUS), (("test", "rules"), ALERT_TESTS)]
)
def test_promtool_accepts(command: tuple[str, str], path: Path) -> None:
    done = subprocess.run(
        ["promtool", *command, str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_documented() -> None:
    text = (ROOT / "docs/operations.md").read_text()
    alerts = {rule["alert"] for rule in alert_rules()}
    assert [name for name in sorted(alerts) if f"| `{name}` |" not in text] == []
