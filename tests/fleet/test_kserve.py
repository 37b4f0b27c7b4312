"""The example for KServe: fields that its own types have, and what the chart says of a pod."""

import ast
import json
from typing import Any

import pytest
import yaml

from app.environment import check_environment
from tests.fleet.helm import (
    KUBERNETES,
    NAMESPACE,
    VALUE_SETS,
    VERSIONS,
    container,
    invalid,
    one,
    render,
    site_packages,
)

pytestmark = pytest.mark.fleet

EXAMPLE = (KUBERNETES / "kserve/inferenceservice.yaml").read_text()
SERVICE, SCALED = yaml.safe_load_all(EXAMPLE)
PREDICTOR: dict[str, Any] = SERVICE["spec"]["predictor"]
# What KServe adds to the fields of a pod.
OF_KSERVE = ("minReplicas", "storageUris")


def fields_of(module: str) -> set[str]:
    """Read the fields of one of KServe's types off its source; to import it takes 30 packages."""
    tree = ast.parse((site_packages() / "kserve/models" / f"{module}.py").read_text())
    (found,) = (
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "attribute_map"
    )
    return set(ast.literal_eval(found).values())


def test_kserve_knows_every_field() -> None:
    assert set(SERVICE) <= fields_of("v1beta1_inference_service")
    assert set(SERVICE["spec"]) <= fields_of("v1beta1_inference_service_spec")
    assert set(PREDICTOR) <= fields_of("v1beta1_predictor_spec")
    for uri in PREDICTOR["storageUris"]:
        assert set(uri) == fields_of("v1beta1_storage_uri")


def test_what_is_left_for_kubernetes_is_a_valid_pod() -> None:
    spec = {key: value for key, value in PREDICTOR.items() if key not in OF_KSERVE}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "classmark"}, "spec": spec}
    # The native sleep is younger than the oldest Kubernetes of the chart.
    assert invalid({version: [pod] for version in VERSIONS[2:]}) == []


def test_the_service_would_start_where_the_models_are_fetched_to() -> None:
    (service,) = PREDICTOR["containers"]
    given = {variable["name"]: variable.get("value", "2") for variable in service["env"]}
    check_environment(given)
    assert given["CLASSMARK_MODEL_STORE"] == PREDICTOR["storageUris"][0]["mountPath"]


def test_a_pod_starts_and_stops_and_is_confined_as_the_charts() -> None:
    manifests = render()
    of_chart = one(manifests, "Deployment")["spec"]["template"]["spec"]
    (service,) = PREDICTOR["containers"]
    for key in ("terminationGracePeriodSeconds", "enableServiceLinks"):
        assert PREDICTOR[key] == of_chart[key]
    for key in ("lifecycle", "securityContext"):
        assert service[key] == container(manifests)[key]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        named = container(manifests)[probe]
        assert service[probe] == named | {"httpGet": {**named["httpGet"], "port": 8000}}


def test_pods_are_scaled_as_the_charts() -> None:
    of_chart = one(render(*VALUE_SETS["bucket"]), "ScaledObject")["spec"]
    renamed = json.dumps(of_chart).replace(
        r"service=\"classmark\"", r"service=\"classmark-predictor\""
    )
    name = f"{SERVICE['metadata']['name']}-predictor"
    assert SCALED["metadata"]["namespace"] == SERVICE["metadata"]["namespace"] == NAMESPACE
    assert SCALED["spec"] == json.loads(renamed) | {"scaleTargetRef": {"name": name}}
