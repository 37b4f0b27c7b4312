"""Subjects of a comparison: others are refused with what was found and what would work."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.__main__ import main
from export.checkpoint.load import CheckpointOptions
from export.compare.subjects import read_subject
from export.errors import StoreError
from export.parity.tolerances import TOLERANCES
from export.pipeline import Request, export_bundle
from export.progress import Progress
from export.reference.workload import Workload, answer_inputs
from tests.support.adapters import make_adapter

Write = Callable[[Sequence[dict[str, Any]]], Path]
Captured = pytest.CaptureFixture[str]


def compare(a: object, b: object, data: object, *options: object) -> int:
    return main(["compare", str(a), str(b), "--data", str(data), *map(str, options)])


def test_what_cannot_be_compared_exits_2_with_what_was_found_and_what_would_work(
    store: Path,
    sentiment: Path,
    ner: Path,
    make_checkpoint: Callable[..., Path],
    unlabelled: Path,
    tmp_path: Path,
    capsys: Captured,
) -> None:
    bundle, missing = store / "sentiment" / "1", tmp_path / "missing"
    many = make_checkpoint(("negative", "positive"), problem_type="multi_label_classification")
    three = make_checkpoint(("negative", "neutral", "positive"))
    (tmp_path / "empty").mkdir()
    broken = shutil.copytree(bundle, tmp_path / "sentiment" / "1")
    (broken / "tokenizer.json").write_text("{}")
    checkpoints = (sentiment, sentiment, unlabelled, "--precision", "fp32")
    for given, reason in (
        ((bundle, ner, unlabelled), "does token-classification (single_label); compare two"),
        ((bundle, many, unlabelled), "does sequence-classification (multi_label); compare two"),
        ((bundle, three, unlabelled), "1 alone has none; .* alone has neutral; compare two"),
        ((bundle, missing, unlabelled), "missing is not a folder; give STORE/NAME/VERSION"),
        ((tmp_path / "empty", bundle, unlabelled), "nor config.json but nothing; give"),
        ((store / "ner", bundle, unlabelled), "holds versions; give one of them, e.g. .*ner/1"),
        ((bundle, broken, unlabelled), "tokenizer.json has 2 bytes, the manifest says"),
        ((bundle, bundle, missing), "missing: cannot be read"),
        ((bundle, bundle, unlabelled, "--show", "-1"), "--show -1: give 0 or more"),
        ((bundle, bundle, unlabelled, "--agreement", "2"), "--agreement: '2' is not a number"),
        ((bundle, bundle, unlabelled, "--json", str(missing / "f")), "f cannot be written"),
        (checkpoints, "are checkpoints, without graphs; leave --precision fp32 out"),
    ):
        assert compare(*given) == 2, reason
        (error,) = capsys.readouterr().err.splitlines()
        assert error.startswith("error: ")
        for part in reason.split(".*"):
            assert part in error


def test_labels_without_names_are_those_of_the_bundle_that_was_given_names(
    make_checkpoint: Callable[..., Path],
    quiet: Progress,
    unlabelled: Path,
    tmp_path: Path,
    capsys: Captured,
) -> None:
    nameless = make_checkpoint(("LABEL_0", "LABEL_1"))
    options = CheckpointOptions(labels=("good", "bad"))
    request = Request(nameless, "m", tmp_path, ("fp32",), TOLERANCES, options=options)
    bundle = export_bundle(request, quiet)
    for a, b in ((nameless, bundle), (bundle, nameless)):
        assert compare(a, b, unlabelled) == 0
        assert "label agreement        1.0000" in capsys.readouterr().out


def test_an_adapter_is_compared_as_the_model_that_it_makes_of_its_base(
    sentiment: Path, quiet: Progress, unlabelled: Path, tmp_path: Path, capsys: Captured
) -> None:
    adapter = make_adapter(tmp_path / "adapter", sentiment, labels=2)
    bundle = export_bundle(Request(adapter, "m", tmp_path, ("fp32",), TOLERANCES), quiet)
    assert compare(adapter, bundle, unlabelled) == 0
    assert "ok: B answers as A does" in capsys.readouterr().out
    assert compare(sentiment, bundle, unlabelled) == 2
    assert "other weights" in capsys.readouterr().err


def test_a_folder_that_may_not_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbid(self: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "exists", forbid)  # root, as tests may run, can read everything
    with pytest.raises(StoreError, match=r"cannot be read \(Permission denied: .*give this user"):
        read_subject(tmp_path, None)


def test_a_precision_that_the_bundle_lacks_is_told_with_those_it_has(
    sentiment: Path, quiet: Progress, unlabelled: Path, tmp_path: Path, capsys: Captured
) -> None:
    bundle = export_bundle(Request(sentiment, "m", tmp_path, ("fp32",), TOLERANCES), quiet)
    assert compare(sentiment, bundle, unlabelled, "--precision", "int8") == 2
    assert "has no int8 graph; choose --precision from fp32" in capsys.readouterr().err


def test_a_row_with_a_wrong_label_is_named_with_its_line(
    sentiment: Path, write_labelled: Write, capsys: Captured
) -> None:
    data = write_labelled([{"text": "ba"}, {"text": "be", "label": "angry"}])
    assert compare(sentiment, sentiment, data) == 2
    assert (
        "line 2, column 'label': label 'angry' is not one of the checkpoint's"
        in capsys.readouterr().err
    )


def test_scores_that_are_no_numbers_fail(
    sentiment: Path, unlabelled: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    def broken(*given: Any) -> Workload:
        workload = answer_inputs(*given)
        return replace(workload, logits=tuple(w * np.nan for w in workload.logits))

    monkeypatch.setattr("export.compare.subjects.answer_inputs", broken)
    assert compare(sentiment, sentiment, unlabelled) == 1
    assert "scores that are not finite; choose another --precision" in capsys.readouterr().err
