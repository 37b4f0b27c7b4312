"""Rules speak only of what the service exports, and promtool accepts them."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.deployment.exported import SERIES, TARGET_LABELS, used_series
from tests.deployment.files import (
    ALERT_TESTS,
    KSERVE,
    PROMETHEUS,
    ROOT,
    alert_rules,
)

promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed; Debian's prometheus has it"
)


@pytest.mark.parametrize("rule", alert_rules(), ids=[rule["alert"] for rule in alert_rules()])
def test_every_metric_and_label_of_rules_is_exported(rule: dict[str, str]) -> None:
    expression = rule["expr"]
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


def test_every_metric_and_alert_is_documented() -> None:
    text = (ROOT / "docs/operations.md").read_text()
    names = {name for name in SERIES if name.startswith("classmark_")}
    families = {re.sub("_(total|bucket|sum|count)$", "", name) for name in names}
    families |= {rule["alert"] for rule in alert_rules()}
    assert [name for name in sorted(families) if f"| `{name}` |" not in text] == []
