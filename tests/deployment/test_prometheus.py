"""Dashboard and scaling speak only of what the service exports, or what rules record of it."""

import re

import pytest
import yaml

from tests.deployment.exported import SERIES, TARGET_LABELS, used_series
from tests.deployment.files import KSERVE, expressions, panel_targets


@pytest.mark.parametrize("expression", expressions().values(), ids=expressions())
def test_every_metric_and_label_of_the_dashboard_is_exported(expression: str) -> None:
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
