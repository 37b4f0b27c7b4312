"""The chart's files beside the service: what needs no helm."""

import json
from typing import Any

import pytest
from pydantic.alias_generators import to_camel

from app.settings.settings import Settings
from deploy.kubernetes.settings_schema import DECIDED_BY, SCHEMA, settings_schema
from tests.deployment.dashboards import FOLDER
from tests.deployment.files import DOCKERFILE, RULES, load_yaml

CHART = SCHEMA.parent
VALUES: Any = load_yaml(CHART / "values.yaml")
README = (CHART.parent / "README.md").read_text()


def test_the_schema_of_values_knows_the_settings_as_the_service_does() -> None:
    written = json.loads(SCHEMA.read_text())["properties"]["settings"]
    assert written == settings_schema(), "run python -m deploy.kubernetes.settings_schema"


def test_every_setting_is_a_value_of_the_chart() -> None:
    schema = json.loads(SCHEMA.read_text())["properties"]
    for name in Settings.model_fields:
        if name in DECIDED_BY:
            assert DECIDED_BY[name] in VALUES
        else:
            assert to_camel(name) in schema["settings"]["properties"]


def test_every_value_is_in_the_schema_which_refuses_others() -> None:
    def check(values: dict[str, Any], schema: dict[str, Any]) -> None:
        assert schema["additionalProperties"] is False
        assert set(values) <= set(schema["properties"])
        for name, value in values.items():
            if "additionalProperties" in schema["properties"][name]:
                check(value, schema["properties"][name])

    check(VALUES, json.loads(SCHEMA.read_text()))


def test_a_pod_is_given_longer_to_stop_than_any_request_takes() -> None:
    settings, stop = VALUES["settings"], VALUES["stop"]
    longest = settings["drainSeconds"] + settings["requestTimeoutSeconds"]
    assert stop["graceSeconds"] > stop["preStopSeconds"] + longest


def test_a_pod_answers_until_every_readiness_probe_has_said_no() -> None:
    readiness = VALUES["probes"]["readiness"]
    noticed = readiness["failureThreshold"] * (
        readiness["periodSeconds"] + readiness["timeoutSeconds"]
    )
    assert VALUES["settings"]["drainSeconds"] > noticed


@pytest.mark.parametrize(("link", "file"), [("dashboards", FOLDER), ("rules", RULES[0].parent)])
def test_the_chart_links_to_the_files_that_compose_uses(link: str, file: Any) -> None:
    assert (CHART / "files" / link).resolve() == file.resolve()


def test_the_images_target_and_user_are_the_charts() -> None:
    dockerfile = DOCKERFILE.read_text()
    deployment = (CHART / "templates/deployment.yaml").read_text()
    assert "USER 10001:10001" in dockerfile
    assert "runAsUser: 10001" in deployment
    for values in (VALUES, load_yaml(CHART / "values-gpu.yaml")):
        assert f" AS {values['image']['tag']}\n" in dockerfile


def test_the_readme_names_every_set_of_values() -> None:
    for values in CHART.glob("values-*.yaml"):
        assert values.name in README
