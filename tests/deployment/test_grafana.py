"""The dashboards as Grafana is given them: complete, consistent, and pointing at what is there."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from deploy.grafana.__main__ import write
from deploy.grafana.boards import BOARDS as MADE
from deploy.grafana.promql import INFERENCE
from deploy.grafana.reading import Asked, panels
from tests.deployment.dashboards import ABSENT, BOARDS, FOLDER, QUERIES
from tests.deployment.exported import SERIES, TARGET_LABELS, routes, used_series
from tests.deployment.files import COMPOSE, GRAFANA, PROMETHEUS, ROOT, load_yaml

SERVICE = load_yaml(COMPOSE)["services"]["grafana"]
PANELS = [(name, panel) for name, board in BOARDS.items() for panel in panels(board)]
# Names of recorded series have colons; they are there where the rules are.
RECORDED = re.compile(r"classmark:\w+:\w+")
every_panel = pytest.mark.parametrize(
    "panel", [p for _, p in PANELS], ids=[f"{name}: {p['title']}" for name, p in PANELS]
)
every_query = pytest.mark.parametrize("asked", QUERIES, ids=[asked.where for asked in QUERIES])


def test_the_files_are_what_the_boards_say() -> None:
    written = {board.name: (FOLDER / f"{board.name}.json").read_text() for board in MADE}
    assert written == {board.name: write(board) for board in MADE}, "run python -m deploy.grafana"
    assert set(BOARDS) == set(written)


def test_grafana_finds_prometheus_and_the_dashboards() -> None:
    (source,) = load_yaml(GRAFANA / "provisioning/datasources/prometheus.yml")["datasources"]
    assert source["url"] == "http://prometheus:9090"
    assert source["isDefault"] is True
    assert source["jsonData"]["timeInterval"] == load_yaml(PROMETHEUS)["global"]["scrape_interval"]
    (provider,) = load_yaml(GRAFANA / "provisioning/dashboards/classmark.yml")["providers"]
    folder = provider["options"]["path"]
    home = SERVICE["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{folder}/service.json"
    assert f"./{FOLDER.relative_to(ROOT)}:{folder}:ro" in SERVICE["volumes"]


def test_grafana_has_neither_a_default_password_nor_more_than_viewers() -> None:
    environment = SERVICE["environment"]
    assert environment["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == "true"
    assert environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"


@pytest.mark.parametrize("name", BOARDS)
def test_every_panel_has_a_place_a_number_and_a_title_of_its_own(name: str) -> None:
    placed = BOARDS[name]["panels"]
    folded = [inner for panel in placed for inner in panel.get("panels", [])]
    taken: set[tuple[int, int]] = set()
    for at in (panel["gridPos"] for panel in placed):
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not taken & cells
        assert at["x"] + at["w"] <= 24
        taken |= cells
    everything = [*placed, *folded]
    assert len({panel["id"] for panel in everything}) == len(everything)
    assert len({panel["title"] for panel in everything}) == len(everything)


@every_panel
def test_every_panel_has_a_unit_steps_and_a_chosen_source(panel: dict[str, Any]) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    assert defaults["unit"]
    assert defaults["thresholds"]["steps"]
    for place in (panel, *panel["targets"]):
        assert place["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


@every_panel
def test_every_panel_says_what_to_do_and_points_only_at_panels_there_are(
    panel: dict[str, Any],
) -> None:
    about = panel["description"]
    assert len(about) > 60
    titles = {other["title"] for _, other in PANELS} - {panel["title"]}
    assert set(re.findall(r"\*\*(.+?)\*\*", about)) <= titles
    # Written so, a panel's name is tested; nothing else that one is told to see has a capital.
    assert not re.findall(r"\bsee (?!GET|CLASSMARK)[A-Z]\w+", about)


def test_boards_are_told_apart_and_lead_to_each_other() -> None:
    assert len({board["uid"] for board in BOARDS.values()}) == len(BOARDS)
    assert len({board["title"] for board in BOARDS.values()}) == len(BOARDS)
    for board in BOARDS.values():
        (others,) = [link for link in board["links"] if link["type"] == "dashboards"]
        assert (others["includeVars"], others["keepTime"]) == (True, True)
        assert all(set(others["tags"]) <= set(other["tags"]) for other in BOARDS.values())


def test_no_board_knows_a_host_or_a_port() -> None:
    for board in BOARDS.values():
        assert all(link["url"].startswith("/") for link in board["links"] if "url" in link)
        assert not re.findall(r"localhost|127\.0\.0\.1|://|:\d{4}", json.dumps(board))


def test_links_to_alertmanager_name_a_provisioned_source() -> None:
    (source,) = load_yaml(GRAFANA / "provisioning/datasources/alertmanager.yml")["datasources"]
    assert source["type"] == "alertmanager"
    urls = [link["url"] for board in BOARDS.values() for link in board["links"] if "url" in link]
    named = {name for url in urls for name in re.findall(r"alertmanager=(\w+)", url)}
    assert named == {source["name"]}


@every_query
def test_every_metric_and_label_is_exported(asked: Asked) -> None:
    used = used_series(re.sub(r'job="[^"]*"', 'job=""', asked.expr))
    assert used or RECORDED.search(asked.expr)
    for name, matched in used:
        assert name in SERIES
        assert matched <= SERIES[name] | TARGET_LABELS | {"le"}
    available = {"le"}.union(TARGET_LABELS, *(SERIES[name] for name, _ in used))
    for grouping in re.findall(r"\bby \(([^)]*)\)", asked.expr):
        assert {label.strip() for label in grouping.split(",")} <= available


@every_query
def test_a_legend_names_only_labels_its_query_keeps(asked: Asked) -> None:
    legend = set(re.findall(r"\{\{(\w+)\}\}", asked.legend))
    kept = {
        label.strip()
        for labels in re.findall(r"\b(?:by|group_left) \(([^)]*)\)", asked.expr)
        for label in labels.split(",")
    } | set(re.findall(r'count_values\("(\w+)"', asked.expr))
    recorded = {"topic", "model", "version"} if RECORDED.search(asked.expr) else set[str]()
    assert legend <= kept | recorded | TARGET_LABELS


def test_every_metric_is_on_a_panel_or_deliberately_absent() -> None:
    shown = {name for asked in QUERIES for name, _ in used_series(asked.expr)}
    families = {_family(name) for name in SERIES}
    assert families - {_family(name) for name in shown} == set(ABSENT)


def test_requests_in_every_api_count_and_nothing_else_does(tmp_path: Path) -> None:
    selected = re.compile(INFERENCE.removeprefix('route=~"').removesuffix('"'))
    inferring, every = routes(tmp_path)
    assert {path for path in {"", "/metrics"} | every if selected.fullmatch(path)} == inferring


def _family(series: str) -> str:
    return re.sub("_(total|bucket|sum|count)$", "", series)
