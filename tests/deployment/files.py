"""The deployment's files, parsed: what compose, Prometheus and Grafana will read."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
COMPOSE_KEYS = ROOT / "docker/compose.keys.yml"
DOCKERFILE = ROOT / "Dockerfile"
INSTALL_SCRIPT = ROOT / "docker/install-requirements.sh"
PROMETHEUS = ROOT / "docker/prometheus/prometheus.yml"
RULES = sorted((ROOT / "docker/prometheus/rules").glob("*.yml"))
RULE_TESTS = sorted((ROOT / "docker/prometheus/tests").glob("*.test.yml"))
ALERTMANAGER = ROOT / "docker/alertmanager/alertmanager.yml"
ALERTMANAGER_WEBHOOK = ROOT / "docker/alertmanager/webhook.yml"
GRAFANA = ROOT / "docker/grafana"
DASHBOARD = GRAFANA / "dashboards/classmark.json"
# Its ScaledObject is the chart's, as a test with helm holds.
KSERVE = ROOT / "deploy/kubernetes/kserve/inferenceservice.yaml"


class ComposeLoader(yaml.SafeLoader):
    """YAML with Compose's own tags."""


ComposeLoader.add_constructor("!override", lambda loader, node: loader.construct_sequence(node))


@cache
def load_yaml(path: Path) -> Any:
    return yaml.load(path.read_text(), ComposeLoader)


@cache
def load_dashboard() -> Any:
    return json.loads(DASHBOARD.read_text())


def panels() -> list[Any]:
    """Return the dashboard's panels, without the rows that only group them."""
    return [panel for panel in load_dashboard()["panels"] if panel["type"] != "row"]


def panel_targets() -> list[tuple[str, Any]]:
    """Return every query of a panel with the panel's title."""
    return [(panel["title"], target) for panel in panels() for target in panel["targets"]]


def rules(kind: Literal["alert", "record"]) -> list[Any]:
    groups = [group for file in RULES for group in load_yaml(file)["groups"]]
    return [rule for group in groups for rule in group["rules"] if kind in rule]


def expressions() -> dict[str, str]:
    """Return every PromQL expression of the dashboard by where it stands."""
    dashboard = load_dashboard()
    found = {f"panel {title!r} {t['refId']}": t["expr"] for title, t in panel_targets()}
    found |= {f"annotation {a['name']!r}": a["expr"] for a in dashboard["annotations"]["list"]}
    for variable in dashboard["templating"]["list"]:
        metric, label = re.fullmatch(
            r"label_values\((\w+), (\w+)\)", variable["definition"]
        ).groups()
        found[f"variable {variable['name']!r}"] = f"group by ({label}) ({metric})"
    return found
