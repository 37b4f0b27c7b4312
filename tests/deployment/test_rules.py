"""Rules speak of what is exported; every alert is tested and explained; promtool accepts all."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from deploy.grafana.reading import panels
from tests.deployment.dashboards import BOARDS
from tests.deployment.exported import SERIES, TARGET_LABELS, routes, used_series
from tests.deployment.files import PROMETHEUS, ROOT, RULE_TESTS, RULES, load_yaml, rules

RUNBOOK = "docs/runbook.md"
SECTIONS = re.split(r"^## ", (ROOT / RUNBOOK).read_text(), flags=re.MULTILINE)[1:]
ALERTS = {rule["alert"]: rule for rule in rules("alert")}
RECORDED = {rule["record"]: rule["expr"] for rule in rules("record")}
EXPRESSIONS = {name: rule["expr"] for name, rule in ALERTS.items()} | RECORDED

every_alert = pytest.mark.parametrize("name", ALERTS)
promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed; Debian's prometheus has it"
)


def cases(kind: str) -> list[Any]:
    """Return every case of a kind that the tests of promtool have."""
    tests = [test for file in RULE_TESTS for test in load_yaml(file)["tests"]]
    return [case for test in tests for case in test.get(kind, [])]


@pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_every_metric_and_label_of_a_rule_is_exported_or_recorded(expression: str) -> None:
    used, recorded = used_series(expression), re.findall(r"\bclassmark:[\w:]+", expression)
    assert used or recorded
    assert set(recorded) <= set(RECORDED)
    for name, matched in used:
        assert name in SERIES
        assert matched <= SERIES[name] | TARGET_LABELS | {"le"}
    if not recorded:
        available = set().union({"le"}, TARGET_LABELS, *(SERIES[name] for name, _ in used))
        for grouping in re.findall(r"\b(?:by|on) \(([^)]*)\)", expression):
            assert {label.strip() for label in grouping.split(",")} <= available


def test_no_name_is_given_twice() -> None:
    assert len(ALERTS) + len(RECORDED) == len(rules("alert")) + len(rules("record"))


def test_objectives_count_every_inference_route_and_no_other(tmp_path: Path) -> None:
    (selected,) = set(re.findall(r'route=~"([^"]*)"', " ".join(EXPRESSIONS.values())))
    inferring, every = routes(tmp_path)
    assert {path for path in every if re.fullmatch(selected, path)} == inferring


@every_alert
def test_an_alert_says_how_bad_it_is_what_to_do_and_where_to_read_on(name: str) -> None:
    rule = ALERTS[name]
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert page == f"https://github.com/classmark/classmark/blob/main/{RUNBOOK}"
    assert anchor == name.lower()
    assert [section for section in SECTIONS if section.startswith(f"{name}\n")]


@every_alert
def test_an_alert_is_seen_to_fire_and_to_be_quiet(name: str) -> None:
    seen = [bool(c["exp_alerts"]) for c in cases("alert_rule_test") if c["alertname"] == name]
    assert set(seen) == {True, False}


@pytest.mark.parametrize("name", RECORDED)
def test_what_a_rule_records_is_computed_in_a_test(name: str) -> None:
    tested = [c["expr"] for c in cases("promql_expr_test") if c["exp_samples"]]
    assert any(re.search(rf"{name}(?![\w:])", expression) for expression in tested)


def test_the_runbook_lists_every_alert_and_no_other() -> None:
    rows = re.findall(r"^\| \[(\w+)\]\(#(\w+)\) \| (\w+) \|", (ROOT / RUNBOOK).read_text(), re.M)
    assert {(name, severity) for name, _, severity in rows} == {
        (name, rule["labels"]["severity"]) for name, rule in ALERTS.items()
    }
    assert all(anchor == name.lower() for name, anchor, _ in rows)
    assert {section.split("\n", 1)[0] for section in SECTIONS} >= set(ALERTS)


def test_the_runbook_names_panels_and_metrics_that_there_are() -> None:
    text = " ".join((ROOT / RUNBOOK).read_text().split())
    boards = {name.capitalize(): {p["title"] for p in panels(BOARDS[name])} for name in BOARDS}
    named = re.findall(rf"({'|'.join(boards)}) →((?:,? (?:and )?\*[^*]+\*)+)", text)
    shown = {
        (board, title) for board, titles in named for title in re.findall(r"\*(.+?)\*", titles)
    }
    assert len(shown) > len(boards)
    assert [(board, title) for board, title in shown if title not in boards[board]] == []
    metrics = set(re.findall(r"\b(?:classmark_|process_|classmark:)[\w:]+\b", text))
    assert metrics <= set(SERIES) | set(RECORDED)


@promtool
@pytest.mark.parametrize("path", [PROMETHEUS, *RULES, *RULE_TESTS], ids=lambda path: path.name)
def test_promtool_accepts(path: Path) -> None:
    command = {"prometheus": ["check", "config"], "rules": ["check", "rules"]}
    chosen = command.get(path.parent.name, ["test", "rules"])
    done = subprocess.run(
        ["promtool", *chosen, str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
