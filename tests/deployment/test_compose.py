import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from app.settings.settings import Settings
from tests.deployment.files import (
    COMPOSE,
    COMPOSE_KEYS,
    COMPOSE_WEBHOOK,
    DOCKERFILE,
    PROMETHEUS,
    ROOT,
    load_yaml,
)

SERVICES: dict[str, Any] = load_yaml(COMPOSE)["services"]
VOLUMES: dict[str, Any] = load_yaml(COMPOSE)["volumes"]
KEYED: dict[str, Any] = load_yaml(COMPOSE_KEYS)["services"]
WEBHOOK: dict[str, Any] = load_yaml(COMPOSE_WEBHOOK)
# They end, or serve nothing.
UNHEALTHY = {"models", "demo-feed"}
# Each takes what there is of these: the service answers with all CPUs, a job trains with them.
ALL_CPUS = {"classmark", "classmark-gpu", "models"}
COMPOSE_COMMAND = ["docker", "compose"]


def _has_compose() -> bool:
    if not shutil.which("docker"):
        return False
    version = [*COMPOSE_COMMAND, "version"]
    return subprocess.run(version, capture_output=True, check=False).returncode == 0


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


@pytest.mark.parametrize("name", SERVICES)
def test_no_container_takes_more_than_its_share(name: str) -> None:
    service = SERVICES[name]
    assert service["mem_limit"]
    assert service["pids_limit"] > 0
    assert ("cpus" in service) is (name not in ALL_CPUS)
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}
    assert service["restart"] == ("on-failure:3" if name == "models" else "unless-stopped")


@every
def test_no_secret_is_in_an_environment(service: Any) -> None:
    named = re.compile("KEY|SECRET|TOKEN|PASSWORD|WEBHOOK")
    for variable in (*service.get("environment", {}), *service.get("build", {}).get("args", {})):
        assert not named.search(variable) or variable.endswith("_FILE")


@every
def test_everything_is_published_on_loopback_alone(service: Any) -> None:
    for port in service.get("ports", []):
        assert port.startswith("127.0.0.1:")


@every
def test_what_is_mounted_from_the_repository_exists_and_cannot_be_changed(service: Any) -> None:
    for volume in service["volumes"]:
        source, _, mode = re.sub(r"\$\{\w+:-(\w+)\}", r"\1", volume).partition(":")
        if source.startswith("./"):
            assert (ROOT / source).exists()
            assert mode.endswith(":ro")
        else:
            assert source in VOLUMES


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_that_serves_has_a_health_check(name: str) -> None:
    check = SERVICES[name].get("healthcheck", {})
    own = "test" in check or SERVICES[name].get("build", {}).get("target") in ("cpu", "gpu")
    assert own is (name not in UNHEALTHY)
    assert check.get("disable", False) is (name in UNHEALTHY)


def test_published_ports_differ() -> None:
    services = SERVICES.values()
    ports = [port.rsplit(":", 1)[0] for one in services for port in one.get("ports", [])]
    assert len(set(ports)) == len(ports)


@pytest.mark.parametrize("name", ["prometheus", "alertmanager", "grafana"])
def test_links_lead_to_the_port_that_is_published(name: str) -> None:
    published, _ = SERVICES[name]["ports"][0].rsplit(":", 1)
    given = (
        SERVICES[name]["environment"]["GF_SERVER_ROOT_URL"]
        if name == "grafana"
        else next(one for one in SERVICES[name]["command"] if "external-url" in one)
    )
    assert given.endswith(f"http://{published}")


def test_prometheus_keeps_exemplars() -> None:
    assert "--enable-feature=exemplar-storage" in SERVICES["prometheus"]["command"]


def test_the_demo_models_go_into_a_volume_that_the_service_reads_unless_it_is_given_a_store() -> (
    None
):
    assert "${CLASSMARK_MODEL_STORE:-models}:/models:ro" in SERVICES["classmark"]["volumes"]
    assert "models:/models" in SERVICES["models"]["volumes"], "never a folder of the host"
    assert "depends_on" not in SERVICES["classmark"], "bundles of one's own need no PyTorch"


def test_alerts_are_posted_to_an_address_that_is_in_a_file_alone() -> None:
    alertmanager = WEBHOOK["services"]["alertmanager"]
    (volume,) = alertmanager["volumes"]
    source, target, mode = volume.split(":")
    assert f"--config.file={target}" in SERVICES["alertmanager"]["command"]
    assert mode == "ro"
    (secret,) = alertmanager["secrets"]
    assert f"url_file: /run/secrets/{secret}" in (ROOT / source).read_text()
    assert WEBHOOK["secrets"][secret]["file"].startswith("${ALERT_WEBHOOK_FILE:?")


@pytest.mark.skipif(not _has_compose(), reason="needs Docker Compose")
@pytest.mark.parametrize("more", [(), (COMPOSE_KEYS,), (COMPOSE_WEBHOOK,)], ids=len)
def test_compose_reads_the_files(more: tuple[Path, ...], tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.touch()
    files = [word for path in (COMPOSE, *more) for word in ("--file", str(path))]
    variables = {"CLASSMARK_API_KEYS_FILE": str(secret), "ALERT_WEBHOOK_FILE": str(secret)}
    command = [*COMPOSE_COMMAND, *files, "--profile", "*", "config", "--quiet"]
    subprocess.run(command, env=os.environ | variables, check=True, timeout=60)


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


@pytest.mark.parametrize("name", [name for name, one in SERVICES.items() if "build" in one])
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
