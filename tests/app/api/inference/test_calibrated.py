"""Calibrated scores and thresholds of single labels, as a client sees them."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from app.bundle.bundle import open_bundle
from app.engine.answers.decoding import sigmoid, softmax
from tests.support.server import serving

TEMPERATURE = 2.5
CALIBRATION = {
    "temperature": TEMPERATURE,
    "ece_before": 0.1,
    "ece_after": 0.02,
    "examples": 200,
    "observations": 200,
}
THRESHOLDS = {"negative": 0.0, "neutral": 1.0, "positive": 0.5}
TEXT = "a great movie"


def add(store: Path, source: Path, name: str, **changes: Any) -> None:
    """Put a copy of a bundle into a store, under a new name and with another manifest."""
    folder = store / name / "1"
    shutil.copytree(source, folder)
    path = folder / "manifest.json"
    changed = json.loads(path.read_text()) | {"name": name, "version": 1} | changes
    path.write_text(json.dumps(changed))


@pytest.fixture(scope="module")
def calibrated_store(tiny_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hold `mood` and `names` as they are and calibrated, and `moods`, where several may hold."""
    store = tmp_path_factory.mktemp("calibrated")
    for name in ("mood", "names"):
        source = tiny_store / name / "1"
        add(store, source, name)
        add(store, source, f"{name}-calibrated", calibration=CALIBRATION)
    tuned = {"label_thresholds": THRESHOLDS}
    kind = {"problem_type": "multi_label", "calibration": CALIBRATION, "defaults": tuned}
    add(store, tiny_store / "mood" / "1", "moods", **kind)
    return store


@pytest.fixture(scope="module")
def client(calibrated_store: Path) -> Iterator[httpx.Client]:
    with serving(calibrated_store) as server, server.client() as client:
        yield client


def classify(client: httpx.Client, model: str, text: Any, **options: Any) -> dict[str, float]:
    response = client.post("/v1/classify", json={"model": model, "inputs": text} | options)
    assert response.status_code == 200, response.text
    (result,) = response.json()["results"]
    return {item["label"]: item["score"] for item in result["labels"]}


def test_a_served_score_is_that_of_the_logits_over_the_temperature(
    client: httpx.Client, calibrated_store: Path
) -> None:
    manifest = open_bundle(calibrated_store / "mood" / "1").manifest
    for case in manifest.golden:
        pair = {"text": case.text, "text_pair": case.text_pair}
        logits = np.array(case.logits)
        expected = {
            "mood": softmax(logits),
            "mood-calibrated": softmax(logits / TEMPERATURE),
            "moods": sigmoid(logits / TEMPERATURE),
        }
        for model, scores in expected.items():
            found = classify(client, model, pair, threshold=0.0)
            by_label = [found[label] for label in manifest.labels]
            assert by_label == pytest.approx(scores.tolist(), abs=1e-4)


def test_windows_of_a_long_text_are_pooled_and_scaled(client: httpx.Client) -> None:
    text = "a good film the bank rates " * 40
    plain, scaled = (
        classify(client, model, text, long_text="window") for model in ("mood", "mood-calibrated")
    )
    logits = np.log(list(plain.values()))
    assert list(scaled) == list(plain)
    expected = softmax(logits / TEMPERATURE).tolist()
    assert list(scaled.values()) == pytest.approx(expected, abs=1e-3)


def test_a_token_is_scored_at_the_temperature_and_tagged_as_before(client: httpx.Client) -> None:
    body = {"inputs": "angela merkel visited paris", "aggregation_strategy": "none"}
    plain, scaled = (
        client.post("/v1/ner", json=body | {"model": model}).json()["results"][0]["entities"]
        for model in ("names", "names-calibrated")
    )
    assert plain
    for one, other in zip(plain, scaled, strict=True):
        assert one | {"score": 0} == other | {"score": 0}
        assert other["score"] < one["score"]


def test_without_a_threshold_each_label_is_held_against_its_own(client: httpx.Client) -> None:
    scores = classify(client, "moods", TEXT, threshold=0.0)
    assert set(scores) == set(THRESHOLDS)
    given = classify(client, "moods", TEXT)
    assert given == {label: s for label, s in scores.items() if s >= THRESHOLDS[label]}
    assert "negative" in given
    assert "neutral" not in given


def test_a_threshold_in_the_request_overrides_those_of_the_labels(client: httpx.Client) -> None:
    scores = classify(client, "moods", TEXT, threshold=0.0)
    least = sorted(scores.values())[1]
    found = classify(client, "moods", TEXT, threshold=least)
    assert found == {label: score for label, score in scores.items() if score >= least}


def test_the_models_tell_their_temperature_and_thresholds(client: httpx.Client) -> None:
    found = {model["name"]: model for model in client.get("/v1/models").json()["models"]}
    assert found["mood"]["temperature"] is None
    assert found["mood-calibrated"]["temperature"] == TEMPERATURE
    assert found["mood-calibrated"]["label_thresholds"] is None
    assert found["moods"]["label_thresholds"] == THRESHOLDS
