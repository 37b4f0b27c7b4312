"""Every setting of the service is a value of the chart, and arrives as it was given."""

from typing import Any

import pytest
from pydantic.alias_generators import to_camel

from app.environment import check_environment
from app.settings import Settings
from deploy.kubernetes.settings_schema import DECIDED_BY
from tests.fleet.helm import VALUE_SETS, one, render, variables

pytestmark = pytest.mark.fleet

sets = pytest.mark.parametrize("values", VALUE_SETS.values(), ids=VALUE_SETS)
# Texts that their settings take; any other takes any word.
TEXTS = {
    "cors_origins": "https://app.example.com",
    "dialects": "tei,vllm",
    "health_route": "/healthy",
    "host": "::",
    "predict_route": "/predict",
}


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
    linked = render("--set=store.folder=current")
    assert variables(linked)["CLASSMARK_MODEL_STORE"] == "/models/current"


def test_executors_follow_the_requested_cpus_but_not_on_a_gpu() -> None:
    assert variables(render())["CLASSMARK_EXECUTORS"] == "requests.cpu"
    assert variables(render(settings={"executors": 3}))["CLASSMARK_EXECUTORS"] == "3"
    assert "CLASSMARK_EXECUTORS" not in variables(render(*VALUE_SETS["gpu"]))
