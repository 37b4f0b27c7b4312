"""The chart by the real helm: strict with values, valid for every Kubernetes, true to the app."""

import tarfile
from pathlib import Path
from typing import Any

import pytest
from pydantic.alias_generators import to_camel

from app.environment import check_environment
from app.settings import Settings
from deploy.kubernetes.settings_schema import DECIDED_BY
from tests.deployment.files import ALERTS, DASHBOARD, load_yaml
from tests.fleet.helm import (
    CHART,
    VALUE_SETS,
    VERSIONS,
    container,
    invalid,
    one,
    render,
    run_helm,
    template,
    variables,
)

pytestmark = pytest.mark.fleet

sets = pytest.mark.parametrize("values", VALUE_SETS.values(), ids=VALUE_SETS)
# What operators bring, whose schemas the validator has not.
CUSTOM = {"keda.sh/v1alpha1", "monitoring.coreos.com/v1"}
# Texts that their settings take; any other takes any word.
TEXTS = {
    "cors_origins": "https://app.example.com",
    "dialects": "tei,vllm",
    "health_route": "/healthy",
    "host": "::",
    "predict_route": "/predict",
}
MORE = {
    "keys and CPUs": [
        "--set-json",
        '{"apiKeys": {"existingSecret": "", "hashes": ["web predict ' + "0" * 64 + '"]},'
        ' "autoscaling": {"by": "cpu"}, "extraEnvFrom": [{"secretRef": {"name": "bucket"}}]}',
    ],
    "a volume that a container fills": [
        "--set-json",
        '{"store": {"volume": {"emptyDir": {}}}, "initContainers": [{"name": "sync", "image":'
        ' "git-sync:4", "restartPolicy": "Always", "volumeMounts": [{"name": "models",'
        ' "mountPath": "/git"}]}], "affinity": {"nodeAffinity": {}}, "nodeSelector": {"a": "b"}}',
    ],
}


@sets
def test_helm_finds_nothing_to_complain_of(values: list[str]) -> None:
    done = run_helm("lint", "--strict", str(CHART), *values)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("values", [*VALUE_SETS.values(), *MORE.values()], ids=[*VALUE_SETS, *MORE])
def test_every_supported_kubernetes_would_take_the_manifests(values: list[str]) -> None:
    manifests = {
        version: [m for m in render(*values, version=version) if m["apiVersion"] not in CUSTOM]
        for version in VERSIONS
    }
    assert all(len(made) >= 5 for made in manifests.values())
    assert invalid(manifests) == []


def test_the_validator_notices_a_misspelt_probe() -> None:
    deployment = one(render(), "Deployment")
    (service,) = deployment["spec"]["template"]["spec"]["containers"]
    service["readinesProbe"] = service.pop("readinessProbe")
    (found,) = invalid({VERSIONS[-1]: [deployment]})
    assert "readinesProbe" in found


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ("settings.drianSeconds=3", "'drianSeconds' not allowed"),
        ("autoscalling.by=keda", "'autoscalling' not allowed"),
        ("probes.readiness.period=3", "'period' not allowed"),
        ("settings.precision=int4", "/settings/precision"),
        ("settings.maxInputs=0", "/settings/maxInputs"),
        ("settings.executors=0", "/settings/executors"),
        ("resources.requests.cpu=1500m", "/resources/requests/cpu"),
        ("store.bucket=https://models", "/store/bucket"),
        ("settings.drainSeconds=25", "stop.graceSeconds is 60; it must be over 60"),
        ("stop.graceSeconds=50", "stop.graceSeconds is 50; it must be over 50"),
        ("apiKeys.existingSecret=", "there are no API keys"),
        ("store.bucket=s3://models", "set store.volume to null"),
        ("store.volume=null", "store.bucket and store.volume are both empty"),
        ("store.bucket=s3://models,store.volume=null", "networkPolicy.egress is empty"),
        ("autoscaling.minReplicas=11", "over autoscaling.maxReplicas, which is 10"),
        ("autoscaling.by=cpu,settings.device=cuda", "take keda"),
    ],
)
def test_values_that_cannot_be_meant_are_refused_with_the_reason(values: str, told: str) -> None:
    done = template("--set", values)
    assert done.returncode != 0
    assert told in done.stderr


@sets
def test_the_service_would_start_on_the_variables_that_a_pod_has(values: list[str]) -> None:
    given = variables(render(*values)) | {"CLASSMARK_EXECUTORS": "2"}
    check_environment(given)
    # What Kubernetes sets for a Service named classmark, were it not told to leave that.
    pod = one(render(*values), "Deployment")["spec"]["template"]["spec"]
    assert pod["enableServiceLinks"] is False
    settings = {name.removeprefix("CLASSMARK_").lower(): value for name, value in given.items()}
    Settings.model_validate(settings)


@pytest.mark.parametrize("name", sorted(set(Settings.model_fields) - set(DECIDED_BY)))
def test_a_setting_reaches_the_service_as_it_was_given(name: str) -> None:
    value = another(name)
    made = variables(render(settings={to_camel(name): value}))
    read = Settings.model_validate(
        {name: made[f"CLASSMARK_{name.upper()}"], "allow_anonymous": True}
    )
    assert getattr(read, name) == value


def another(name: str) -> Any:
    """Return a value of a setting that is not its default, as large as it may be."""
    schema = Settings.model_json_schema()["properties"][name]
    schema = [one for one in schema.get("anyOf", [schema]) if one["type"] != "null"][-1]
    values = {
        "boolean": not Settings.model_fields[name].default,
        # Large enough for YAML to be read as a float, and to be written as a power of ten.
        "integer": schema.get("maximum", 2_097_152),
        "number": 12.5,
        "string": schema.get("enum", [TEXTS.get(name, "canary")])[-1],
    }
    return values[schema["type"]]


def test_what_the_chart_decides_reaches_the_service_too() -> None:
    assert {name for name in DECIDED_BY if name in Settings.model_fields} <= {
        name.removeprefix("CLASSMARK_").lower() for name in variables(render(*VALUE_SETS["bucket"]))
    }
    assert variables(render())["CLASSMARK_MODEL_STORE"] == "/models"


def test_executors_follow_the_requested_cpus_but_not_on_a_gpu() -> None:
    assert variables(render())["CLASSMARK_EXECUTORS"] == "requests.cpu"
    assert variables(render(settings={"executors": 3}))["CLASSMARK_EXECUTORS"] == "3"
    assert "CLASSMARK_EXECUTORS" not in variables(render(*VALUE_SETS["gpu"]))


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


def test_pods_are_replaced_when_their_keys_change() -> None:
    def checksum(digit: str) -> str:
        values = '{"existingSecret": "", "hashes": ["web predict ' + digit * 64 + '"]}'
        manifests = render("--set-json", f"apiKeys={values}")
        keys = one(manifests, "Secret")["stringData"]["api-keys"]
        assert keys == f"web predict {digit * 64}\n"
        metadata = one(manifests, "Deployment")["spec"]["template"]["metadata"]
        return str(metadata["annotations"]["checksum/api-keys"])

    assert checksum("0") == checksum("0") != checksum("1")


def test_monitoring_gets_rules_and_dashboard_as_compose_does() -> None:
    manifests = render(*VALUE_SETS["bucket"])
    assert one(manifests, "PrometheusRule")["spec"] == load_yaml(ALERTS)
    assert one(manifests, "ConfigMap")["data"] == {"classmark.json": DASHBOARD.read_text()}
    monitor = one(manifests, "ServiceMonitor")["spec"]
    labels = one(manifests, "Service")["metadata"]["labels"]
    assert monitor["selector"]["matchLabels"].items() <= labels.items()
    # The rules ask for this job.
    assert labels[monitor["jobLabel"]] == "classmark"


def test_a_packaged_chart_has_the_files_themselves(tmp_path: Path) -> None:
    done = run_helm("package", str(CHART), "--destination", str(tmp_path))
    assert done.returncode == 0, done.stderr
    (package,) = tmp_path.iterdir()
    with tarfile.open(package) as files:
        for name, source in (("alerts.yml", ALERTS), ("dashboard.json", DASHBOARD)):
            packed = files.extractfile(f"classmark/files/{name}")
            assert packed is not None
            assert packed.read() == source.read_bytes()
