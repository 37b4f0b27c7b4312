"""The deployment's files, parsed: what compose, Prometheus and Grafana will read."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
COMPOSE_KEYS = ROOT / "docker/compose.keys.yml"
DOCKERFILE = ROOT / "Dockerfile"
INSTALL_SCRIPT = ROOT / "docker/install-requirements.sh"
PROMETHEUS = ROOT / "docker/prometheus/prometheus.yml"
ALERTS = ROOT / "docker/prometheus/alerts.yml"
ALERT_TESTS = ROOT / "docker/prometheus/alerts.test.yml"
GRAFANA = ROOT / "docker/grafana"
# Its ScaledObject is the chart's, as a test with helm holds.
KSERVE = ROOT / "deploy/kubernetes/kserve/inferenceservice.yaml"


class ComposeLoader(yaml.SafeLoader):
    """YAML with Compose's own tags."""


ComposeLoader.add_constructor("!override", lambda loader, node: loader.construct_sequence(node))


@cache
def load_yaml(path: Path) -> Any:
    return yaml.load(path.read_text(), ComposeLoader)


def alert_rules() -> list[Any]:
    return [rule for group in load_yaml(ALERTS)["groups"] for rule in group["rules"]]
