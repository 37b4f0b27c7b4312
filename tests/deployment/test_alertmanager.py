"""Alertmanager takes its configuration, and tells of what matters, once."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.deployment.alertmanager import PROGRAM, Alertmanager, alerting
from tests.deployment.files import ALERTMANAGER, ALERTMANAGER_WEBHOOK, PROMETHEUS, load_yaml
from tests.deployment.prometheus import wait_until
from tests.deployment.surge.receiver import receiving

amtool = pytest.mark.skipif(
    shutil.which("amtool") is None, reason="amtool is not installed; prometheus-alertmanager has it"
)
program = pytest.mark.skipif(
    shutil.which(PROGRAM) is None, reason="prometheus-alertmanager is not installed"
)


def run_amtool(*arguments: str) -> str:
    command = ["amtool", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_webhook_is_the_only_difference() -> None:
    posted = load_yaml(ALERTMANAGER_WEBHOOK)
    silent = [{"name": receiver["name"]} for receiver in posted["receivers"]]
    assert load_yaml(ALERTMANAGER) == posted | {"receivers": silent}


def test_no_address_and_no_secret_stands_in_a_configuration() -> None:
    for receiver in load_yaml(ALERTMANAGER_WEBHOOK)["receivers"]:
        assert receiver["webhook_configs"] == [{"url_file": "/run/secrets/alert-webhook"}]


def test_prometheus_tells_it() -> None:
    (told,) = load_yaml(PROMETHEUS)["alerting"]["alertmanagers"]
    assert told == {"static_configs": [{"targets": ["alertmanager:9093"]}]}


@amtool
def test_amtool_accepts_both(tmp_path: Path) -> None:
    text = ALERTMANAGER_WEBHOOK.read_text()
    if "version 0.25." in run_amtool("--version"):  # Debian's reads no address from a file
        text = text.replace("url_file: /run/secrets/alert-webhook", "url: http://127.0.0.1/")
    (tmp_path / "webhook.yml").write_text(text)
    run_amtool("check-config", str(ALERTMANAGER), str(tmp_path / "webhook.yml"))


@amtool
@pytest.mark.parametrize(("severity", "told"), [("critical", "pages"), ("warning", "tickets")])
def test_the_severity_decides_who_is_told(severity: str, told: str) -> None:
    labels = ["alertname=ClassmarkSomething", "model=mood", f"severity={severity}"]
    found = run_amtool("config", "routes", "test", f"--config.file={ALERTMANAGER}", *labels)
    assert found.splitlines()[0] == told


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[Alertmanager]:
    with alerting(load_yaml(ALERTMANAGER), tmp_path) as running:
        yield running


def alert(name: str, severity: str, **labels: str) -> dict[str, str]:
    return {"alertname": name, "severity": severity, **labels}


@program
def test_a_service_that_is_down_is_told_of_alone(alertmanager: Alertmanager) -> None:
    alertmanager.post(
        alert("ClassmarkDown", "critical", instance="a"),
        alert("ClassmarkModelDown", "critical", instance="a", model="mood"),
        alert("ClassmarkMemoryShort", "warning", instance="a"),
        alert("ClassmarkExecutorStuck", "critical", instance="b"),
    )
    expected = {
        "ClassmarkDown": "active",
        "ClassmarkModelDown": "suppressed",
        "ClassmarkMemoryShort": "suppressed",
        "ClassmarkExecutorStuck": "active",
    }
    assert alertmanager.come_to(expected), alertmanager.states()


@program
def test_of_one_trouble_the_worst_is_told(alertmanager: Alertmanager) -> None:
    alertmanager.post(
        alert("ClassmarkAvailabilityBurnsFast", "critical", model="mood"),
        alert("ClassmarkAvailabilityBurnsSlowly", "warning", model="mood"),
        alert("ClassmarkLatencyBurnsSlowly", "warning", model="other"),
        alert("ClassmarkReloadFailed", "warning", instance="a", model="mood"),
        alert("ClassmarkModelBehind", "warning", instance="a", model="mood"),
    )
    expected = {
        "ClassmarkAvailabilityBurnsFast": "active",
        "ClassmarkAvailabilityBurnsSlowly": "suppressed",
        "ClassmarkLatencyBurnsSlowly": "active",
        "ClassmarkReloadFailed": "active",
        "ClassmarkModelBehind": "suppressed",
    }
    assert alertmanager.come_to(expected), alertmanager.states()


@program
def test_the_webhook_is_told_of_every_severity(tmp_path: Path) -> None:
    with receiving() as receiver:
        # At once, at this address: Debian's reads none from a file.
        at_once = re.sub("group_wait: .*", "group_wait: 0s", ALERTMANAGER_WEBHOOK.read_text())
        config = at_once.replace("url_file: /run/secrets/alert-webhook", f"url: {receiver.url}")
        with alerting(yaml.safe_load(config), tmp_path) as alertmanager:
            alertmanager.post(
                alert("ClassmarkModelDown", "critical", model="mood"),
                alert("ClassmarkModelDegraded", "warning", model="other"),
            )
            assert wait_until(lambda: len(receiver.notifications) >= 2, 30)
    told = {(one.labels["alertname"], one.status) for one in receiver.notifications}
    assert told == {("ClassmarkModelDown", "firing"), ("ClassmarkModelDegraded", "firing")}
