"""Comparing two versions: equal ones pass, a worse one fails and says where."""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from export.__main__ import main
from export.parity.tolerances import TOLERANCES
from export.pipeline import Request, export_bundle
from export.progress import Progress

Write = Callable[[Sequence[dict[str, Any]]], Path]
Captured = pytest.CaptureFixture[str]


def compare(a: Path, b: Path, data: Path, *options: str) -> int:
    return main(["compare", str(a), str(b), "--data", str(data), *options])


def figures(a: Path, b: Path, data: Path, *options: str) -> dict[str, Any]:
    file = data.parent / "figures.json"
    code = compare(a, b, data, "--json", str(file), *options)
    found: dict[str, Any] = json.loads(file.read_text())
    return found | {"code": code}


def moved(checkpoint: Path, target: Path, label: int, by: float) -> Path:
    """Copy a checkpoint and move the bias of one of its labels."""
    shutil.copytree(checkpoint, target)
    weights = load_file(target / "model.safetensors")
    weights["classifier.bias"][label] += by
    save_file(weights, target / "model.safetensors", metadata={"format": "pt"})
    return target


@pytest.mark.parametrize("name", ["sentiment", "ner"])
@pytest.mark.parametrize("bundle_first", [True, False])
def test_a_bundle_agrees_with_its_checkpoint_in_either_order(
    store: Path, sentiment: Path, ner: Path, unlabelled: Path, name: str, bundle_first: bool
) -> None:
    sides = [store / name / "1", {"sentiment": sentiment, "ner": ner}[name]]
    a, b = sides if bundle_first else sides[::-1]
    found = figures(a, b, unlabelled, "--precision", "fp32")
    assert found["code"] == 0
    assert {found["a"]["served"], found["b"]["served"]} == {"fp32", "checkpoint"}
    assert (found["agreement"], found["changed"], found["failed"]) == (1.0, 0, [])
    assert found["mean_score_difference"] <= found["max_score_difference"] < 1e-3


def test_without_a_precision_the_graph_is_compared_that_a_cpu_serves(
    store: Path, unlabelled: Path, capsys: Captured
) -> None:
    bundle = store / "sentiment" / "1"
    found = figures(bundle, bundle, unlabelled)
    assert (found["a"]["served"], found["max_score_difference"]) == ("int8", 0.0)
    assert "no answer changed" in capsys.readouterr().out


def test_a_worse_version_fails_with_its_figures_and_the_changed_answers_worst_first(
    store: Path,
    sentiment: Path,
    texts: list[str],
    write_labelled: Write,
    tmp_path: Path,
    capsys: Captured,
) -> None:
    worse = moved(sentiment, tmp_path / "worse", label=0, by=50.0)
    data = write_labelled([{"text": text, "label": "positive"} for text in texts])
    found = figures(store / "sentiment" / "1", worse, data, "--show", "2", "--expect", "same")
    out = capsys.readouterr().out
    assert found["code"] == 1
    assert found["b"]["metrics"]["accuracy"] == 0.0
    assert found["metric_loss"] == pytest.approx(found["a"]["metrics"]["accuracy"])
    assert [reason.split()[0] for reason in found["failed"]] == ["agreement", "metric"]
    assert "FAILED: B answers as A does is not so: agreement 0." in out
    assert f"{found['changed']} answers changed, the worst 2:" in out
    listed = [line for line in out.splitlines() if line.startswith("  0.") and "'" in line]
    weights = [float(line.split()[0]) for line in listed]
    assert len(weights) == 2
    assert weights[0] >= weights[1] > 0.5
    assert weights[0] == pytest.approx(found["max_score_difference"], abs=1e-3)
    assert all(len(line) <= len("  0.0000  ''") + 80 for line in listed)
    assert out.count("A positive 0.") == out.count("B negative 1.0000") == 2


def test_the_limits_decide(sentiment: Path, unlabelled: Path, tmp_path: Path) -> None:
    other = moved(sentiment, tmp_path / "other", label=0, by=0.5)
    same = ("--expect", "same")
    found = figures(sentiment, other, unlabelled, *same)
    assert 0.0 < found["agreement"] < 0.98
    assert found["code"] == 1
    assert compare(sentiment, other, unlabelled, *same, "--agreement", str(found["agreement"])) == 0


def test_rows_without_labels_count_for_agreement_and_not_for_metrics(
    sentiment: Path, texts: list[str], write_labelled: Write, capsys: Captured
) -> None:
    some = [{"text": t} | ({"label": "positive"} if i % 3 else {}) for i, t in enumerate(texts)]
    found = figures(sentiment, sentiment, write_labelled(some))
    assert (found["texts"], found["labelled"]) == (60, 40)
    assert "(40 labelled texts)" in capsys.readouterr().out
    found = figures(sentiment, sentiment, write_labelled([{"text": "ba"}, {"text": "be"}]))
    assert (found["a"]["metrics"], found["metric_loss"]) == ({}, None)


def test_entities_of_one_side_alone_are_shown_with_their_words(
    ner: Path, unlabelled: Path, tmp_path: Path, capsys: Captured
) -> None:
    silent = moved(ner, tmp_path / "silent", label=0, by=50.0)  # O everywhere
    found = figures(ner, silent, unlabelled, "--show", "1", "--expect", "same")
    out = capsys.readouterr().out
    assert found["code"] == 1
    assert found["equal_answers"] < 1.0
    assert found["texts_with_equal_tokens"] == 60
    assert "token-label agreement" in out
    assert "equal entities" in out
    assert "B nothing" in out
    assert any(f"A {group} '" in out for group in ("PER", "LOC"))


def test_where_tokenizers_cut_texts_differently_equal_entities_decide(
    ner: Path, unlabelled: Path, tmp_path: Path, capsys: Captured
) -> None:
    shorter = shutil.copytree(ner, tmp_path / "shorter")
    settings = shorter / "tokenizer_config.json"
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"model_max_length": 20}))
    found = figures(ner, shorter, unlabelled)
    assert 0 < found["texts_with_equal_tokens"] < 60
    assert found["label_agreement"] == 1.0
    assert found["agreement"] == found["equal_answers"] < 1.0
    assert "equal entities decide" in capsys.readouterr().out


def test_labels_in_another_order_are_compared_by_name(
    make_checkpoint: Callable[..., Path], quiet: Progress, unlabelled: Path, tmp_path: Path
) -> None:
    checkpoint = make_checkpoint(("x", "y", "z"))
    turned = shutil.copytree(checkpoint, tmp_path / "turned")
    config = json.loads((turned / "config.json").read_text())
    config |= {"id2label": {"0": "z", "1": "x", "2": "y"}, "label2id": {"z": 0, "x": 1, "y": 2}}
    (turned / "config.json").write_text(json.dumps(config))
    weights = load_file(turned / "model.safetensors")
    for name in ("classifier.weight", "classifier.bias"):
        weights[name] = weights[name][[2, 0, 1]].contiguous()
    save_file(weights, turned / "model.safetensors", metadata={"format": "pt"})
    bundle = export_bundle(Request(checkpoint, "m", tmp_path, ("fp32",), TOLERANCES), quiet)
    found = figures(bundle, turned, unlabelled, "--expect", "same")
    assert (found["code"], found["agreement"]) == (0, 1.0)
    assert found["max_score_difference"] < 1e-3


def test_several_labels_and_none_are_shown_for_what_they_are(
    make_checkpoint: Callable[..., Path], unlabelled: Path, tmp_path: Path, capsys: Captured
) -> None:
    many = make_checkpoint(("a", "b"), problem_type="multi_label_classification")
    none = moved(many, tmp_path / "none", label=0, by=-50.0)
    none = moved(none, tmp_path / "still", label=1, by=-50.0)
    assert compare(many, none, unlabelled, "--expect", "same") == 1
    assert "B none, not even" in capsys.readouterr().out


def test_a_pair_of_texts_is_shown_as_one(
    sentiment: Path, write_labelled: Write, tmp_path: Path, capsys: Captured
) -> None:
    data = write_labelled([{"text": "ba", "text_pair": "be \x1b[31m"}])
    for label in (0, 1):
        other = moved(sentiment, tmp_path / str(label), label=label, by=50.0)
        compare(sentiment, other, data, "--expect", "same")
    assert r"'ba | be \x1b[31m'" in capsys.readouterr().out
