"""The deployment's files, parsed: what compose, Prometheus and Grafana will read."""

from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
COMPOSE_WEBHOOK = ROOT / "docker/compose.webhook.yml"
COMPOSE_KEYS = ROOT / "docker/compose.keys.yml"
DOCKERFILE = ROOT / "Dockerfile"
PRUNE_SCRIPT = ROOT / "docker/prune-requirements.sh"
DEMO_SCRIPT = ROOT / "docker/make-demo-models.sh"
PROMETHEUS = ROOT / "docker/prometheus/prometheus.yml"
RULES = sorted((ROOT / "docker/prometheus/rules").glob("*.yml"))
RULE_TESTS = sorted((ROOT / "docker/prometheus/tests").glob("*.test.yml"))
ALERTMANAGER = ROOT / "docker/alertmanager/alertmanager.yml"
ALERTMANAGER_WEBHOOK = ROOT / "docker/alertmanager/webhook.yml"
GRAFANA = ROOT / "docker/grafana"
# Its ScaledObject is the chart's, as a test with helm holds.
KSERVE = ROOT / "deploy/kubernetes/kserve/inferenceservice.yaml"


class ComposeLoader(yaml.SafeLoader):
    """YAML with Compose's own tags."""


ComposeLoader.add_constructor("!override", lambda loader, node: loader.construct_sequence(node))


@cache
def load_yaml(path: Path) -> Any:
    return yaml.load(path.read_text(), ComposeLoader)


def rules(kind: Literal["alert", "record"]) -> list[Any]:
    groups = [group for file in RULES for group in load_yaml(file)["groups"]]
    return [rule for group in groups for rule in group["rules"] if kind in rule]
