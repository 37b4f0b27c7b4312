"""Settings: bad ones stop the start with a sentence; each is explained."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from app.environment import check_environment
from app.settings import Settings

CLEAN = {k: v for k, v in os.environ.items() if not k.startswith("CLASSMARK_")}


def start(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app", *arguments],
        capture_output=True,
        text=True,
        env=CLEAN | environment,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        (
            {"CLASSMARK_PORT": "99999"},
            "CLASSMARK_PORT: Input should be less than or equal to 65535",
        ),
        ({"CLASSMARK_HOST": "0.0.0.0"}, "set CLASSMARK_API_KEYS_FILE"),
        ({"CLASSMARK_MODEL_STORE": "/nowhere"}, "make models"),
        ({"CLASSMARK_MODEL_STORE": "file:///models"}, "name a folder by its path, or a bucket as"),
        (
            {"CLASSMARK_MODEL_STORE": "s3://models", "CLASSMARK_STORE_CACHE": "/proc/cache"},
            "name a folder that can by CLASSMARK_STORE_CACHE",
        ),
        ({"CLASSMARK_STORE_CHANNEL": "Canary!"}, "name it in a-z, 0-9, _ and -, as canary"),
        ({"CLASSMARK_DEVICE": "tpu"}, "CLASSMARK_DEVICE"),
    ],
)
def test_a_bad_setting_stops_the_start_with_a_sentence(
    tmp_path: Path, environment: dict[str, str], message: str
) -> None:
    done = start(**({"CLASSMARK_MODEL_STORE": str(tmp_path)} | environment))
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_taken_port_is_said_and_fails(tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = start("--port", port, "--model-store", str(tmp_path))
    assert done.returncode != 0
    assert "address already in use" in done.stderr


def test_help_explains_every_setting() -> None:
    done = start("--help", COLUMNS="1000")
    assert done.returncode == 0
    for name, field in Settings.model_fields.items():
        assert f"--{name.replace('_', '-')}" in done.stdout
        assert field.description is not None
        assert field.description.split(".")[0][:40] in done.stdout


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("CLASSMARK_API_KEY_FILE", "keys", "did you mean CLASSMARK_API_KEYS_FILE?"),
        ("CLASSMARK_LOG_LEVELL", "debug", "did you mean CLASSMARK_LOG_LEVEL?"),
        ("CLASSMARK_BACKEND", "openvino", "CLASSMARK_BACKEND is no setting"),
        ("CLASSMARK_XYZZY", "1", "CLASSMARK_XYZZY is no setting"),
        ("CLASSMARK_API_KEYS_FILE", "", "CLASSMARK_API_KEYS_FILE is empty"),
    ],
)
def test_a_variable_that_is_no_setting_stops_the_start_by_its_name(
    name: str, value: str, said: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        check_environment({name: value})


def test_variables_of_compose_and_kubernetes_and_empty_ones_are_no_mistakes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = ("GPU_PORT", "PUBLISH_ADDRESS", "SERVICE_HOST", "PORT_8000_TCP_ADDR")
    check_environment({f"CLASSMARK_{name}": "1" for name in names} | {"PATH": ""})
    check_environment({"CLASSMARK_BACKEND": "onnxruntime"})
    monkeypatch.setenv("CLASSMARK_WORKERS", "")
    assert Settings().workers == 1


@pytest.mark.parametrize("host", ["127.0.0.2", "LOCALHOST", "[::1]", "::1"])
def test_this_machines_own_addresses_need_no_keys(host: str) -> None:
    assert Settings(host=host).on_loopback


def test_what_vertex_ai_tells_a_container_counts_where_no_setting_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIP_HTTP_PORT", "8080")
    monkeypatch.setenv("AIP_HEALTH_ROUTE", "/alive")
    monkeypatch.setenv("AIP_PREDICT_ROUTE", "/v1/endpoints/7/deployedModels/4:predict")
    settings = Settings()
    assert settings.port == 8080
    assert settings.health_route == "/alive"
    assert settings.predict_route == "/v1/endpoints/7/deployedModels/4:predict"
    monkeypatch.setenv("CLASSMARK_PORT", "9000")
    assert Settings().port == 9000
    assert Settings(port=1).port == 1


@pytest.mark.parametrize("path", ["predict", "/a b", "/{name}", "/a?b"])
def test_a_route_that_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="no path"):
        Settings(predict_route=path)


def test_the_argument_that_sagemaker_runs_images_with_changes_nothing() -> None:
    done = start("serve", CLASSMARK_DEVICE="tpu")
    assert done.returncode == 2
    assert "CLASSMARK_DEVICE" in done.stderr
    other = start("nonsense")
    assert other.returncode == 2


def test_each_bucket_and_channel_has_a_cache_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    followed = [("s3://a/b-c", None), ("s3://a-b/c", None), ("s3://a/b-c", "canary")]
    folders = {Settings(model_store=url, store_channel=one).store_folder for url, one in followed}
    assert len(folders) == 3
    assert all(tmp_path / "classmark" in folder.parents for folder in folders)
    monkeypatch.setenv("XDG_CACHE_HOME", "~/.cache")  # as it is without a home
    with pytest.raises(ValueError, match="name one by CLASSMARK_STORE_CACHE"):
        assert Settings(model_store="s3://a/b").store_folder
    assert Settings(model_store="s3://a/b/").store_url == "s3://a/b"
    assert Settings(model_store=tmp_path).store_url is None
