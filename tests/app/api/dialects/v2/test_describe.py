"""Metadata, configuration, health and the repository, as V2 clients read them."""

import shutil
from pathlib import Path

import httpx
import pytest

from tests.support.server import KEY, Server, serving


def test_a_model_tells_its_tensors_and_its_labels(client: httpx.Client) -> None:
    mood = client.get("/v2/models/mood").json()
    assert (mood["name"], mood["versions"]) == ("mood", ["2"])
    assert mood["inputs"] == [{"name": "text", "datatype": "BYTES", "shape": [-1, 1]}]
    named = {one["name"]: (one["datatype"], one["shape"]) for one in mood["outputs"]}
    assert named == {
        "label": ("BYTES", [-1, 1]),
        "score": ("FP32", [-1, 1]),
        "scores": ("FP32", [-1, 3]),
    }
    labels = mood["outputs"][2]["parameters"]["labels"]
    assert labels == ["negative", "neutral", "positive"]
    (entities,) = client.get("/v2/models/names/versions/1").json()["outputs"]
    assert (entities["name"], entities["datatype"]) == ("entities", "BYTES")


def test_the_configuration_says_how_many_texts_a_request_may_have(client: httpx.Client) -> None:
    for path in ("/v2/models/mood/config", "/v2/models/mood/versions/2/config"):
        config = client.get(path).json()
        assert config["max_batch_size"] == 128
        (given,) = config["input"]
        assert (given["name"], given["data_type"], given["dims"]) == ("text", "TYPE_STRING", [1])
        assert [one["dims"] for one in config["output"]] == [[1], [1], [3]]


def test_the_server_names_its_extensions_but_no_statistics(client: httpx.Client) -> None:
    server = client.get("/v2").json()
    assert server["name"] == "classmark"
    assert "binary_tensor_data" in server["extensions"]
    assert "statistics" not in server["extensions"]


def test_health_and_readiness_have_the_keys_that_clients_read(client: httpx.Client) -> None:
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}
    for path in ("/v2/models/mood/ready", "/v2/models/mood/versions/2/ready"):
        assert client.get(path).json() == {"name": "mood", "ready": True}


@pytest.mark.parametrize("path", ["", "/ready", "/config"])
def test_models_and_versions_that_do_not_serve_are_404(client: httpx.Client, path: str) -> None:
    for model in ("none", "mood/versions/1"):
        missing = client.get(f"/v2/models/{model}{path}")
        assert missing.status_code == 404
        assert missing.headers["content-type"] == "application/json"
        assert "mood" in missing.json()["error"]


def test_an_empty_store_is_live_and_not_ready(tmp_path: Path) -> None:
    with serving(tmp_path) as server, server.client() as client:
        assert client.get("/v2/health/live").status_code == 200
        ready = client.get("/v2/health/ready")
        assert ready.status_code == 503
        assert ready.json()["ready"] is False
        assert "no model serves" in ready.json()["error"]


def test_the_index_lists_what_serves_and_why_the_rest_does_not(store: Path) -> None:
    (store / "names" / "1" / "tokenizer.json").write_text("{}")
    with serving(store) as server, server.client() as client:
        mood, names = client.post("/v2/repository/index").json()
        assert (mood["state"], mood["version"], mood["reason"]) == ("READY", "1", "")
        assert (names["name"], names["state"]) == ("names", "UNAVAILABLE")
        assert "tokenizer.json" in names["reason"]
        ready = client.post("/v2/repository/index", content='{"ready": true}').json()
        assert [one["name"] for one in ready] == ["mood"]
        assert client.get("/v2/models/names/ready").status_code == 503


def test_load_swaps_in_the_newest_version_and_nothing_is_unloaded(
    store: Path, tiny_store: Path
) -> None:
    with serving(store, watch=False) as server, server.client() as client:
        assert client.get("/v2/models/mood").json()["versions"] == ["1"]
        shutil.copytree(tiny_store / "mood" / "2", store / "mood" / "2")
        loaded = client.post("/v2/repository/models/mood/load", content="{}")
        assert (loaded.status_code, loaded.content) == (200, b"")
        assert client.get("/v2/models/mood").json()["versions"] == ["2"]
        unloaded = client.post("/v2/repository/models/mood/unload", content="{}")
        assert unloaded.status_code == 409
        assert "remove its folder" in unloaded.json()["error"]
        assert client.get("/v2/models/mood/ready").status_code == 200
        given = {"parameters": {"config": "{}"}}
        assert client.post("/v2/repository/models/mood/load", json=given).status_code == 422
        for verb in ("load", "unload"):
            assert client.post(f"/v2/repository/models/none/{verb}").status_code == 404


def test_keys_are_asked_for_and_administration_needs_its_scope(guarded_server: Server) -> None:
    key = {"Authorization": f"Bearer {KEY}"}
    with guarded_server.client() as client:
        assert client.get("/v2/health/ready").status_code == 200
        for path in ("/v2", "/v2/models/mood", "/v2/models/mood/config", "/v2/models/mood/ready"):
            refused = client.get(path)
            assert refused.status_code == 401
            assert refused.json()["error"]
            assert client.get(path, headers=key).status_code == 200
        assert client.post("/v2/models/mood/infer").status_code == 401
        for path in ("load", "unload"):
            admin = client.post(f"/v2/repository/models/mood/{path}", headers=key)
            assert admin.status_code == 403


def test_other_pages_cannot_load_models(client: httpx.Client) -> None:
    foreign = {"Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site"}
    assert client.post("/v2/repository/models/mood/load", headers=foreign).status_code == 403
