"""What the chart says of pods: how they are probed, stopped, confined, scaled and watched."""

from typing import Any

import pytest

from tests.deployment.dashboards import FOLDER
from tests.deployment.files import RULES, load_yaml
from tests.fleet.helm import VALUE_SETS, container, one, render

pytestmark = pytest.mark.fleet

sets = pytest.mark.parametrize("values", VALUE_SETS.values(), ids=VALUE_SETS)


@pytest.mark.parametrize(
    ("values", "threshold"), [([], "1.4"), (["--set=settings.executors=5"], "3.5")]
)
def test_the_scaler_counts_the_executors_that_a_pod_has(values: list[str], threshold: str) -> None:
    scaled = one(render(*VALUE_SETS["bucket"], *values), "ScaledObject")["spec"]
    assert scaled["triggers"][0]["metadata"]["threshold"] == threshold


def test_a_scaler_without_figures_keeps_the_pods_there_are() -> None:
    manifests = render(*VALUE_SETS["bucket"])
    scaled = one(manifests, "ScaledObject")["spec"]
    assert scaled["scaleTargetRef"] == {"name": one(manifests, "Deployment")["metadata"]["name"]}
    assert scaled["fallback"]["behavior"] == "currentReplicasIfHigher"
    assert "replicas" not in one(manifests, "Deployment")["spec"]
    for trigger in scaled["triggers"]:
        assert set(trigger) == {"type", "name", "metricType", "metadata"}
        assert trigger["metricType"] == "AverageValue"
        assert set(trigger["metadata"]) == {
            "serverAddress",
            "query",
            "threshold",
            "ignoreNullValues",
        }
        assert trigger["metadata"]["ignoreNullValues"] == "false"


@sets
def test_probes_ask_the_paths_that_are_for_them(values: list[str]) -> None:
    service = container(render(*values))
    asked = {
        name: service[f"{name}Probe"]["httpGet"] for name in ("startup", "readiness", "liveness")
    }
    paths = {"startup": "/health/startup", "readiness": "/health/ready", "liveness": "/health/live"}
    assert asked == {name: {"path": path, "port": "http"} for name, path in paths.items()}


def test_a_pod_sleeps_before_it_stops_in_the_way_its_kubernetes_knows() -> None:
    assert container(render())["lifecycle"]["preStop"] == {"sleep": {"seconds": 5}}
    (before,) = container(render(version="1.28.0"))["lifecycle"]["preStop"].values()
    assert before == {"command": ["sleep", "5"]}


@sets
def test_a_container_can_do_nothing_but_serve(values: list[str]) -> None:
    manifests = render(*values)
    pod = one(manifests, "Deployment")["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsUser"] == pod["securityContext"]["fsGroup"] == 10001
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container(manifests)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


@pytest.mark.parametrize(
    ("values", "source"),
    [
        ([], {"persistentVolumeClaim": {"claimName": "classmark-models", "readOnly": True}}),
        (["--set=store.volume.nfs.path=/m"], {"nfs": {"path": "/m"}}),
        (VALUE_SETS["bucket"], {"emptyDir": {"sizeLimit": "10Gi"}}),
    ],
)
def test_bundles_come_from_one_volume(values: list[str], source: dict[str, Any]) -> None:
    volumes = one(render(*values), "Deployment")["spec"]["template"]["spec"]["volumes"]
    assert volumes[0] == {"name": "models", **source}


def test_pods_are_replaced_when_their_keys_change() -> None:
    def checksum(digit: str) -> str:
        values = '{"existingSecret": "", "hashes": ["web predict ' + digit * 64 + '"]}'
        manifests = render("--set-json", f"apiKeys={values}")
        keys = one(manifests, "Secret")["stringData"]["api-keys"]
        assert keys == f"web predict {digit * 64}\n"
        metadata = one(manifests, "Deployment")["spec"]["template"]["metadata"]
        return str(metadata["annotations"]["checksum/api-keys"])

    assert checksum("0") == checksum("0") != checksum("1")


def test_monitoring_gets_rules_and_dashboards_as_compose_does() -> None:
    manifests = render(*VALUE_SETS["bucket"])
    groups = [group for file in RULES for group in load_yaml(file)["groups"]]
    assert one(manifests, "PrometheusRule")["spec"] == {"groups": groups}
    boards = {path.name: path.read_text() for path in FOLDER.glob("*.json")}
    assert one(manifests, "ConfigMap")["data"] == boards
    monitor = one(manifests, "ServiceMonitor")["spec"]
    labels = one(manifests, "Service")["metadata"]["labels"]
    assert monitor["selector"]["matchLabels"].items() <= labels.items()
    # The rules ask for this job.
    assert labels[monitor["jobLabel"]] == "classmark"
