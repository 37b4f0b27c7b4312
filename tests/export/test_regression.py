"""A regressor: the pipeline's raw value is served, and a graph's values are held to it."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from transformers import pipeline

from app.bundle.bundle import open_bundle
from app.engine.text.encoding import TextInput
from export.checkpoint.config import describe, read_config, read_raw
from export.checkpoint.load import load_checkpoint
from export.parity.agreement import EQUAL_VALUES, compare_logits
from export.parity.tolerances import TOLERANCES
from export.pipeline import Request, export_bundle
from export.progress import Progress
from export.reference.examples import read_examples
from export.reference.workload import prepare_workload
from tests.support.server import serving
from tests.support.tiny import make_checkpoint

TEXTS = ["good film", "the plot was bad", "a", "angela merkel visited paris", "bank rates"]


@pytest.fixture(scope="module")
def regressor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("regressor") / "stars"
    return make_checkpoint(folder, ("stars",), problem_type="regression")


@pytest.fixture(scope="module")
def ratings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write texts as people label them for a regressor: with numbers of any kind."""
    file = tmp_path_factory.mktemp("ratings") / "eval.jsonl"
    rows = [{"text": text, "label": number - 1.5} for number, text in enumerate(TEXTS)]
    file.write_text("\n".join(json.dumps(row) for row in [*rows, {"text": "a film"}]))
    return file


def served_values(store: Path, name: str) -> list[float]:
    with serving(store) as server, server.client() as client:
        response: httpx.Response = client.post(
            "/v1/classify", json={"model": name, "inputs": TEXTS}
        )
        assert response.status_code == 200, response.text
        results = response.json()["results"]
    return [label["score"] for result in results for label in result["labels"]]


def test_the_pipelines_raw_values_are_served_also_below_zero(
    regressor: Path, ratings: Path, tmp_path: Path, quiet: Progress
) -> None:
    request = Request(regressor, "stars", tmp_path, ("fp32",), TOLERANCES, ratings)
    manifest = open_bundle(export_bundle(request, quiet)).manifest
    reference: Any = pipeline("text-classification", model=str(regressor), device="cpu")
    expected = [reference(text)[0]["score"] for text in TEXTS]
    assert min(expected) < 0.0 or max(expected) > 1.0  # no probability
    assert served_values(tmp_path, "stars") == pytest.approx(expected, abs=1e-4)
    assert manifest.problem_type == "regression"
    assert manifest.evaluation is manifest.calibration is manifest.score_reference is None


def test_of_a_regressors_rows_only_the_texts_are_read(regressor: Path, ratings: Path) -> None:
    examples = read_examples(ratings, read_config(regressor), lambda _: None)
    assert [one.source for one in examples] == [TextInput(text) for text in [*TEXTS, "a film"]]


def test_a_graph_whose_values_are_others_does_not_agree(regressor: Path) -> None:
    checkpoint = load_checkpoint(regressor)
    workload = prepare_workload(checkpoint, [])
    near, far = (
        [rows + share * np.maximum(1.0, np.abs(rows)) for rows in workload.logits]
        for share in (0.9 * EQUAL_VALUES, 1.1 * EQUAL_VALUES)
    )
    found = [
        compare_logits(checkpoint.config, workload.encodings, workload.logits, rows)
        for rows in (near, far)
    ]
    assert [one.share for one in found] == [1.0, 0.0]
    assert found[1].score_difference == pytest.approx(1.1 * EQUAL_VALUES, rel=1e-3)


def test_config_and_option_name_a_regressor(regressor: Path, tmp_path: Path) -> None:
    assert read_config(regressor).problem_type == "regression"
    plain = make_checkpoint(tmp_path / "plain", ("stars",))
    assert read_config(plain).problem_type == "single_label"
    asked = describe(plain, read_raw(plain), "regression")
    assert asked == dataclasses.replace(read_config(plain), problem_type="regression")
