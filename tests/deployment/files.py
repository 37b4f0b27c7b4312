"""The deployment's files, parsed: what compose, Prometheus and Grafana will read."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
COMPOSE_WEBHOOK = ROOT / "docker/compose.webhook.yml"
COMPOSE_KEYS = ROOT / "docker/compose.keys.yml"
DOCKERFILE = ROOT / "Dockerfile"
PRUNE_SCRIPT = ROOT / "docker/prune-requirements.sh"
DEMO_SCRIPT = ROOT / "docker/make-demo-models.sh"
PROMETHEUS = ROOT / "docker/prometheus/prometheus.yml"
ALERTS = ROOT / "docker/prometheus/alerts.yml"
ALERT_TESTS = ROOT / "docker/prometheus/alerts.test.yml"
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


def alert_rules() -> list[Any]:
    return [rule for group in load_yaml(ALERTS)["groups"] for rule in group["rules"]]


def expressions() -> dict[str, str]:
    """Return every PromQL expression of dashboard and rules by where it stands."""
    dashboard = load_dashboard()
    found = {f"panel {title!r} {t['refId']}": t["expr"] for title, t in panel_targets()}
    found |= {f"annotation {a['name']!r}": a["expr"] for a in dashboard["annotations"]["list"]}
    found |= {f"alert {rule['alert']}": rule["expr"] for rule in alert_rules()}
    for variable in dashboard["templating"]["list"]:
        metric, label = re.fullmatch(
            r"label_values\((\w+), (\w+)\)", variable["definition"]
        ).groups()
        found[f"variable {variable['name']!r}"] = f"group by ({label}) ({metric})"
    return found
