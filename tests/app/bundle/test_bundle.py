"""Reading a bundle trusts nothing."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from app.bundle.bundle import open_bundle
from app.bundle.files import GraphData
from app.errors import BundleError, IncompleteBundle
from app.store import list_models, list_versions, read_desired_version, write_desired_version


@pytest.fixture
def folder(store: Path) -> Path:
    return store / "mood" / "1"


def edit(folder: Path, **changes: Any) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_an_exported_bundle_opens(folder: Path) -> None:
    bundle = open_bundle(folder)
    assert (bundle.manifest.name, bundle.manifest.version) == ("mood", 1)
    graph = bundle.manifest.graphs["fp32"]
    assert len(bundle.read_graph(graph).model) == graph.bytes
    assert bundle.read_tokenizer()


def test_a_bundle_from_before_tokenizer_settings_has_those_it_was_served_with(
    folder: Path,
) -> None:
    tokenizer = json.loads((folder / "manifest.json").read_text())["tokenizer"]
    del tokenizer["settings"]
    edit(folder, tokenizer=tokenizer)
    settings = open_bundle(folder).manifest.tokenizer.settings
    assert (settings.split_special_tokens, settings.truncation_side) == (False, "right")
    assert settings.token_types


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema_version": 2}, "schema_version"),
        ({"labels": ["a", "a"]}, "labels repeat"),
        ({"labels": []}, "labels"),
        ({"tag_scheme": "BIO"}, "tag_scheme goes with"),
        ({"surprise": 1}, "surprise"),
        ({"max_length": 0}, "max_length"),
        ({"graphs": {}}, "graphs"),
        ({"golden": []}, "golden"),
        ({"name": "other"}, "must be <store>/<name>/<version>"),
        ({"version": 7}, "must be <store>/<name>/<version>"),
    ],
)
def test_a_manifest_that_breaks_the_contract_is_refused_by_name(
    folder: Path, changes: dict[str, Any], message: str
) -> None:
    edit(folder, **changes)
    with pytest.raises(BundleError, match=message):
        open_bundle(folder)


def test_a_packed_graph_stands_apart_from_the_padded_ones(folder: Path) -> None:
    graphs = json.loads((folder / "manifest.json").read_text())["graphs"]
    packed = graphs["fp32"] | {"kind": "packed"}
    edit(folder, packed=packed)
    manifest = open_bundle(folder).manifest
    assert manifest.find_graph("fp16", "packed") == manifest.packed
    assert manifest.find_graph("fp32", "packed") is None
    assert manifest.find_graph("fp32") == manifest.graphs["fp32"]
    for wrong in ({"packed": graphs["fp32"]}, {"graphs": {"fp32": packed}, "packed": None}):
        edit(folder, **wrong)
        with pytest.raises(BundleError, match="the one under packed is packed"):
            open_bundle(folder)


CALIBRATION = {
    "temperature": 1.5,
    "ece_before": 0.1,
    "ece_after": 0.02,
    "examples": 200,
    "observations": 200,
}


def test_a_manifest_without_calibration_divides_by_one(folder: Path) -> None:
    assert open_bundle(folder).manifest.temperature == 1.0
    edit(folder, calibration=CALIBRATION)
    assert open_bundle(folder).manifest.temperature == 1.5


@pytest.mark.parametrize("temperature", [0, -1, 0.001, 1000, "Infinity", "NaN", None])
def test_a_temperature_that_would_spoil_every_score_is_refused(
    folder: Path, temperature: object
) -> None:
    edit(folder, calibration=CALIBRATION | {"temperature": temperature})
    with pytest.raises(BundleError, match=r"calibration\.temperature"):
        open_bundle(folder)


@pytest.mark.parametrize(
    ("thresholds", "message"),
    [
        ({"negative": 0.5}, "differ in neutral, positive; give every label one threshold"),
        ({"negative": 0.5, "neutral": 0.5, "positive": 0.5, "odd": 0.5}, "differ in odd"),
        ({"negative": 0.5, "neutral": 0.5, "positive": 1.5}, r"label_thresholds\.positive"),
    ],
)
def test_label_thresholds_that_do_not_fit_the_labels_are_refused(
    folder: Path, thresholds: dict[str, float], message: str
) -> None:
    edit(folder, problem_type="multi_label", defaults={"label_thresholds": thresholds})
    with pytest.raises(BundleError, match=message):
        open_bundle(folder)


def test_label_thresholds_belong_to_multi_label_models_only(folder: Path) -> None:
    thresholds = {"negative": 0.5, "neutral": 0.5, "positive": 0.5}
    edit(folder, defaults={"label_thresholds": thresholds})
    with pytest.raises(BundleError, match="this is single_label sequence-classification"):
        open_bundle(folder)
    edit(folder, problem_type="multi_label")
    assert open_bundle(folder).manifest.defaults.label_thresholds == thresholds


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\0"])
def test_a_manifest_that_is_no_json_object_is_refused(folder: Path, text: str) -> None:
    (folder / "manifest.json").write_text(text)
    with pytest.raises(BundleError, match=r"manifest\.json"):
        open_bundle(folder)


@pytest.mark.parametrize("file", ["../../names/1/model.fp32.onnx", "/etc/passwd", "a/b", "..", ""])
def test_a_file_name_that_leaves_the_folder_is_refused(folder: Path, file: str) -> None:
    graphs = json.loads((folder / "manifest.json").read_text())["graphs"]
    graphs["fp32"]["file"] = file
    edit(folder, graphs=graphs)
    with pytest.raises(BundleError, match=r"graphs\.fp32\.file"):
        open_bundle(folder)


def read_fp32(folder: Path) -> GraphData:
    bundle = open_bundle(folder)
    return bundle.read_graph(bundle.manifest.graphs["fp32"])


def test_a_changed_byte_is_found_by_its_checksum(folder: Path) -> None:
    graph = folder / "model.fp32.onnx"
    data = bytearray(graph.read_bytes())
    data[len(data) // 2] ^= 1
    graph.write_bytes(data)
    with pytest.raises(BundleError, match="sha256"):
        read_fp32(folder)


def test_a_short_or_missing_file_counts_as_a_copy_in_progress(folder: Path) -> None:
    graph = folder / "model.fp32.onnx"
    graph.write_bytes(graph.read_bytes()[:-1])
    with pytest.raises(IncompleteBundle, match="still in progress or was cut short"):
        read_fp32(folder)
    graph.unlink()
    with pytest.raises(IncompleteBundle, match="missing"):
        read_fp32(folder)


def test_a_file_longer_than_promised_is_refused(folder: Path) -> None:
    with (folder / "tokenizer.json").open("ab") as file:
        file.write(b" ")
    with pytest.raises(BundleError, match="more than the"):
        open_bundle(folder).read_tokenizer()


def test_only_names_and_versions_count_as_models(store: Path) -> None:
    for name in (".tmp", "Upper", "with space", "mood/1.tmp", "mood/02", "mood/.2.tmp-x", "mood/x"):
        (store / name).mkdir(parents=True)
    (store / "mood" / "9").write_text("a file")
    shutil.copytree(store / "mood" / "1", store / "mood" / "10")
    assert list_models(store) == ["mood", "names"]
    assert list_versions(store, "mood") == [10, 1]


def test_a_desired_version_is_written_read_and_removed(store: Path) -> None:
    assert read_desired_version(store, "mood") is None
    write_desired_version(store, "mood", 3)
    assert read_desired_version(store, "mood") == 3
    write_desired_version(store, "mood", None)
    assert read_desired_version(store, "mood") is None


def test_a_desired_version_that_is_no_number_is_refused(store: Path) -> None:
    (store / "mood" / "desired-version").write_text("latest")
    with pytest.raises(BundleError, match="'latest', not a version number"):
        read_desired_version(store, "mood")
