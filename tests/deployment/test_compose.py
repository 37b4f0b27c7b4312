import re
from typing import Any

import pytest

from app.settings.settings import Settings
from tests.deployment.files import (
    COMPOSE,
    COMPOSE_KEYS,
    DOCKERFILE,
    PROMETHEUS,
    ROOT,
    load_yaml,
)

SERVICES: dict[str, Any] = load_yaml(COMPOSE)["services"]
KEYED: dict[str, Any] = load_yaml(COMPOSE_KEYS)["services"]
ours = pytest.mark.parametrize("name", ["classmark", "classmark-gpu"])
every = pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)


@every
def test_every_image_is_built_here_or_pinned_to_an_exact_version(service: Any) -> None:
    if "build" not in service:
        assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+", service["image"])


@every
def test_every_container_is_confined(service: Any) -> None:
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service


@every
def test_everything_is_published_on_loopback_alone(service: Any) -> None:
    for port in service["ports"]:
        assert port.startswith("127.0.0.1:")


@every
def test_what_is_mounted_from_the_repository_exists_and_cannot_be_changed(service: Any) -> None:
    for volume in service["volumes"]:
        source, _, mode = volume.rsplit(":", 2) if volume.count(":") > 1 else (volume, "", "rw")
        if source.startswith("./"):
            assert (ROOT / source).exists()
            assert mode == "ro"


@every
def test_every_container_has_a_health_check(service: Any) -> None:
    assert "healthcheck" in service or "HEALTHCHECK" in DOCKERFILE.read_text()


def test_published_ports_differ() -> None:
    ports = [port.rsplit(":", 1)[0] for service in SERVICES.values() for port in service["ports"]]
    assert len(set(ports)) == len(ports)


@ours
def test_models_are_mounted_where_the_service_looks_and_read_only(name: str) -> None:
    store = SERVICES[name]["environment"]["CLASSMARK_MODEL_STORE"]
    assert any(volume.endswith(f":{store}:ro") for volume in SERVICES[name]["volumes"])


@ours
def test_a_container_is_given_longer_to_stop_than_any_request_takes(name: str) -> None:
    grace_seconds = int(SERVICES[name]["stop_grace_period"].removesuffix("s"))
    fields = Settings.model_fields
    longest = fields["drain_seconds"].default + fields["request_timeout_seconds"].default
    assert grace_seconds > longest


@ours
def test_the_build_target_is_a_stage(name: str) -> None:
    target = SERVICES[name]["build"]["target"]
    assert re.search(rf"^FROM \S+ AS {target}$", DOCKERFILE.read_text(), re.MULTILINE)


def test_the_gpu_service_starts_only_when_asked_for() -> None:
    assert SERVICES["classmark-gpu"]["profiles"] == ["gpu"]
    assert "profiles" not in SERVICES["classmark"]


@ours
def test_predictions_are_anonymous_only_while_no_one_else_can_reach_them(name: str) -> None:
    assert SERVICES[name]["environment"]["CLASSMARK_ALLOW_ANONYMOUS"] == "true"
    keyed = KEYED[name]["environment"]
    assert keyed["CLASSMARK_ALLOW_ANONYMOUS"] == "false"
    assert keyed["CLASSMARK_API_KEYS_FILE"] == f"/run/secrets/{KEYED[name]['secrets'][0]}"


@pytest.mark.parametrize("service", [*SERVICES.values(), *KEYED.values()])
def test_every_variable_is_a_setting(service: Any) -> None:
    for variable in service.get("environment", {}):
        if variable.startswith("CLASSMARK_"):
            assert variable.removeprefix("CLASSMARK_").lower() in Settings.model_fields


def test_prometheus_is_there_when_the_service_is_not() -> None:
    assert "depends_on" not in SERVICES["prometheus"]


def test_prometheus_finds_every_service_under_its_name() -> None:
    jobs = {job["job_name"]: job for job in load_yaml(PROMETHEUS)["scrape_configs"]}
    (discovery,) = jobs["classmark"]["dns_sd_configs"]
    assert discovery["names"] == [name for name in SERVICES if name.startswith("classmark")]
    assert discovery["port"] == int(SERVICES["classmark"]["environment"]["CLASSMARK_PORT"])
