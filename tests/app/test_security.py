"""Keys: who may predict, who may administer; safe without any."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from app.errors import NotAuthenticated, NotAuthorized
from app.security import make_authorizer, read_keys
from tests.support.server import serving


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    def line(name: str, scopes: str, key: str) -> str:
        return f"{name} {scopes} {hashlib.sha256(key.encode()).hexdigest()}\n"

    path = tmp_path / "keys"
    path.write_text("# keys\n\n" + line("app", "predict", "p-key") + line("ops", "admin", "a-key"))
    return path


def test_a_key_opens_its_scopes_and_no_other(keys_file: Path) -> None:
    gate = make_authorizer(keys_file, on_loopback=True, allow_anonymous=False)
    assert gate.check("Bearer p-key", "predict") == "app"
    assert gate.check("bearer a-key", "admin") == "ops"
    assert gate.check("Bearer a-key", "predict", "admin") == "ops", "one of the scopes is enough"
    with pytest.raises(
        NotAuthorized, match="'app' has the scopes predict; this call needs 'admin'"
    ) as refused:
        gate.check("Bearer p-key", "admin")
    assert refused.value.key == "app"


def test_a_key_is_named_where_none_is_needed_and_a_wrong_one_is_ignored(keys_file: Path) -> None:
    gate = make_authorizer(keys_file, on_loopback=False, allow_anonymous=True)
    assert gate.check("Bearer p-key", "predict") == "app"
    assert gate.check("Bearer wrong", "predict") == ""
    assert gate.check(None, "predict") == ""


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer wrong", "Basic p-key", "p-key"])
def test_without_a_known_key_nothing_opens(keys_file: Path, header: str | None) -> None:
    gate = make_authorizer(keys_file, on_loopback=True, allow_anonymous=False)
    with pytest.raises(NotAuthenticated):
        gate.check(header, "predict")


def test_without_keys_all_is_open_on_loopback_and_predictions_at_most_elsewhere() -> None:
    local = make_authorizer(None, on_loopback=True, allow_anonymous=False)
    local.check(None, "admin")
    published = make_authorizer(None, on_loopback=False, allow_anonymous=True)
    published.check(None, "predict")
    with pytest.raises(NotAuthenticated):
        published.check(None, "admin")


@pytest.mark.parametrize("line", ["app predict short", "app root " + "0" * 64, "justone", ""])
def test_a_bad_keys_file_is_refused_by_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "keys"
    path.write_text(line + "\n")
    with pytest.raises(ValueError, match=r"keys:1: expected|holds no key"):
        read_keys(path)


def test_a_made_key_is_shown_once_and_its_hash_opens(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "app.security", "app", "--scope", "admin"]
    made = subprocess.run(command, capture_output=True, text=True, check=True)
    path = tmp_path / "keys"
    path.write_text(made.stdout)
    key = made.stderr.split(": ")[-1].strip()
    assert key not in made.stdout
    make_authorizer(path, on_loopback=False, allow_anonymous=False).check(f"Bearer {key}", "admin")


def test_keys_guard_the_service_but_not_its_health(keys_file: Path, store: Path) -> None:
    body = {"model": "mood", "inputs": "a"}
    with serving(store, api_keys_file=keys_file) as server, server.client() as client:
        anonymous = client.post("/v1/classify", json=body)
        assert anonymous.status_code == 401
        assert anonymous.headers["www-authenticate"] == "Bearer"
        predict, admin = ({"Authorization": f"Bearer {k}-key"} for k in "pa")
        assert client.post("/v1/classify", json=body, headers=predict).status_code == 200
        assert client.get("/v1/models", headers=predict).status_code == 200
        assert client.post("/v1/models/mood/reload", headers=predict).status_code == 403
        assert client.post("/v1/models/mood/reload", headers=admin).status_code == 200
        assert client.get("/health/ready").status_code == 200
        assert client.get("/metrics").status_code == 200
