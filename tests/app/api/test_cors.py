"""Web pages of other origins read predictions only where the settings name them."""

from pathlib import Path

import pytest

from app.settings.settings import Settings
from tests.support.server import Server, serving

ORIGIN = "https://app.example.com"
ASKED = {
    "origin": ORIGIN,
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type",
}


def test_no_page_may_read_unless_a_setting_says_so(server: Server) -> None:
    with server.client() as client:
        answer = client.post("/v1/classify", json={"inputs": "a"}, headers={"origin": ORIGIN})
        assert answer.status_code == 200
        assert "access-control-allow-origin" not in answer.headers
        assert client.options("/v1/classify", headers=ASKED).status_code == 405


def test_pages_of_a_named_origin_may_ask_and_read_and_no_others(tiny_store: Path) -> None:
    settings = {"cors_origins": f"{ORIGIN}, http://localhost:3000"}
    with serving(tiny_store, **settings) as running, running.client() as client:
        for path in ("/v1/classify", "/models/mood"):
            asked = client.options(path, headers=ASKED)
            assert asked.status_code == 200
            assert asked.headers["access-control-allow-origin"] == ORIGIN
            answer = client.post(path, json={"inputs": "a"}, headers={"origin": ORIGIN})
            assert answer.headers["access-control-allow-origin"] == ORIGIN
            assert "Server-Timing" in answer.headers["access-control-expose-headers"]
        listed = client.get("/v1/models", headers={"origin": "http://localhost:3000"})
        assert listed.headers["access-control-allow-origin"] == "http://localhost:3000"
        refused = client.post("/v1/classify", json={}, headers={"origin": ORIGIN})
        assert refused.status_code == 422
        assert refused.headers["access-control-allow-origin"] == ORIGIN
        other = {"origin": "https://evil.example"}
        answer = client.post("/v1/classify", json={"inputs": "a"}, headers=other)
        assert "access-control-allow-origin" not in answer.headers
        foreign = client.post("/v1/models/mood/reload", headers={"origin": ORIGIN})
        assert foreign.status_code == 403, "administration stays with the service's own page"


@pytest.mark.parametrize("origins", ["app.example.com", "https://a/path", "https://*.example.com"])
def test_what_is_no_origin_stops_the_start(origins: str) -> None:
    with pytest.raises(ValueError, match="is no origin; write it as https://app.example.com"):
        Settings(cors_origins=origins)
