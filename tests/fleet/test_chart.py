"""The chart by helm: strict with values, valid for every Kubernetes, whole as a package."""

import tarfile
from pathlib import Path

import pytest

from tests.deployment.dashboards import FOLDER
from tests.deployment.files import RULES
from tests.fleet.helm import (
    CHART,
    VALUE_SETS,
    VERSIONS,
    invalid,
    one,
    render,
    run_helm,
    template,
)

pytestmark = pytest.mark.fleet

sets = pytest.mark.parametrize("values", VALUE_SETS.values(), ids=VALUE_SETS)
# What operators bring, whose schemas the validator has not.
CUSTOM = {"keda.sh/v1alpha1", "monitoring.coreos.com/v1"}
MORE = {
    "keys and CPUs": [
        "--set-json",
        '{"apiKeys": {"existingSecret": "", "hashes": ["web predict ' + "0" * 64 + '"]},'
        ' "autoscaling": {"by": "cpu"}, "extraEnvFrom": [{"secretRef": {"name": "bucket"}}]}',
    ],
    "a volume that a container fills": [
        "--set-json",
        '{"store": {"volume": {"emptyDir": {}}, "folder": "current"}, "initContainers": [{"name":'
        ' "sync", "image": "git-sync:4", "restartPolicy": "Always", "volumeMounts": [{"name":'
        ' "models", "mountPath": "/git"}]}], "nodeSelector": {"a": "b"}}',
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
        ("store.bucket=s3://models,store.folder=current", "bundles come from one place"),
        ("store.bucket=s3://models", "networkPolicy.egress is empty"),
        ("store.volume.emptyDir.medium=Memory,store.volume.nfs.path=/", "/store/volume"),
        ("autoscaling.minReplicas=11", "over autoscaling.maxReplicas, which is 10"),
        ("autoscaling.by=cpu,settings.device=cuda", "take keda"),
    ],
)
def test_values_that_cannot_be_meant_are_refused_with_the_reason(values: str, told: str) -> None:
    done = template("--set", values)
    assert done.returncode != 0
    assert told in done.stderr


def test_a_packaged_chart_has_the_files_themselves(tmp_path: Path) -> None:
    done = run_helm("package", str(CHART), "--destination", str(tmp_path))
    assert done.returncode == 0, done.stderr
    (package,) = tmp_path.iterdir()
    with tarfile.open(package) as files:
        rules = [(f"rules/{file.name}", file) for file in RULES]
        boards = [(f"dashboards/{file.name}", file) for file in FOLDER.glob("*.json")]
        for name, source in (*rules, *boards):
            packed = files.extractfile(f"classmark/files/{name}")
            assert packed is not None
            assert packed.read() == source.read_bytes()
