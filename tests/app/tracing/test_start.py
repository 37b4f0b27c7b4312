"""OpenTelemetry's variables switch tracing on; what they ask for in vain stops the start."""

import sys

import pytest

from app.main import create_app
from app.settings.settings import Settings
from app.telemetry.metrics import Metrics
from app.tracing.start import find_asker, start_tracing

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}


@pytest.mark.parametrize(
    ("environment", "asker"),
    [
        ({}, None),
        ({"OTEL_SERVICE_NAME": "mine", "OTEL_EXPORTER_OTLP_ENDPOINT": " "}, None),
        (ENDPOINT, "OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318"),
        (
            {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://x/v1/traces"},
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=https://x/v1/traces",
        ),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, "OTEL_TRACES_EXPORTER=otlp"),
        (ENDPOINT | {"OTEL_TRACES_EXPORTER": "none"}, None),
        (ENDPOINT | {"OTEL_SDK_DISABLED": "True"}, None),
        (ENDPOINT | {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, "OTEL_EXPORTER_OTLP_ENDPOINT"
         "=http://collector:4318"),
    ],
)  # fmt: skip
def test_traces_are_on_where_a_variable_asks_for_them(
    environment: dict[str, str], asker: str | None
) -> None:
    assert find_asker(environment) == asker


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER=zipkin: there are otlp and"),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc: .* 4318"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4317"}, "collector:4317 is no URL; write it"),
    ],
)
def test_what_is_not_spoken_here_is_refused(more: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        find_asker(ENDPOINT | more)


def test_a_queue_of_no_size_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (ENDPOINT | {"OTEL_BSP_MAX_QUEUE_SIZE": "many"}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match="OTEL_BSP_MAX_QUEUE_SIZE=many is no number of spans"):
        start_tracing(Metrics())


def test_without_the_extra_the_service_does_not_start_and_says_what_to_install(
    tiny_store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("app.tracing.exporter")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318")
    with pytest.raises(ValueError, match=r"collector:4318.*pip install 'classmark\[otel\]'"):
        create_app(Settings(model_store=str(tiny_store)))
