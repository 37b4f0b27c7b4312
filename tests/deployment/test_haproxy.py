"""The HAProxy configuration fits the service's defaults and the chart, and HAProxy accepts it."""

import re
import subprocess

from app.settings import Settings
from tests.fleet.chart import read_chart
from tests.fleet.haproxy import CONFIGURATION, NEEDS_HAPROXY


def words_after(keyword: str) -> list[str]:
    """Return what the one line that begins with these words says."""
    (found,) = re.findall(rf"^ *{keyword} (.*)$", CONFIGURATION.read_text(), re.MULTILINE)
    return str(found).split()


def seconds(keyword: str) -> int:
    (given,) = words_after(keyword)
    return int(given.removesuffix("s"))


def server_seconds(keyword: str) -> int:
    options = words_after("default-server check")
    return int(options[options.index(keyword) + 1].removesuffix("s"))


@NEEDS_HAPROXY
def test_haproxy_accepts_the_configuration() -> None:
    done = subprocess.run(
        ["haproxy", "-c", "-f", CONFIGURATION], capture_output=True, text=True, timeout=30
    )
    assert (done.returncode, "WARNING" in done.stderr) == (0, False), done.stderr


def test_the_service_ends_a_request_and_haproxy_an_idle_connection_first() -> None:
    defaults = Settings.model_construct()
    for keyword in ("timeout client", "timeout server"):
        assert seconds(keyword) > defaults.request_timeout_seconds
    assert seconds("timeout http-request") >= defaults.request_timeout_seconds
    assert seconds("timeout http-keep-alive") < defaults.keep_alive_seconds
    assert server_seconds("pool-purge-delay") < defaults.keep_alive_seconds


def test_checks_are_the_chart_s_and_fail_long_before_a_drain_ends() -> None:
    chart = read_chart()
    assert words_after("option httpchk") == ["GET", "/health/ready"]
    assert server_seconds("inter") == chart.probe_seconds
    assert server_seconds("fall") == chart.probe_failures
    noticed = (chart.probe_seconds + seconds("timeout check")) * chart.probe_failures
    assert 2 * noticed < chart.drain_seconds


def test_a_refusal_for_load_is_never_tried_again() -> None:
    retried = words_after("retry-on")
    assert "429" not in retried
    assert {"conn-failure", "empty-response", "503"} == set(retried)
