"""What a comparison with the checkpoint cannot notice is said on the screen and in the report."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console
from safetensors.torch import load_file, save_file

from export.parity.tolerances import TOLERANCES, change_tolerances
from export.pipeline import Request, export_bundle
from export.progress import Progress

MakeCheckpoint = Callable[..., Path]


def silence(checkpoint: Path, label: int, by: float) -> Path:
    """Move the bias of a label so far that nothing else counts."""
    file = checkpoint / "model.safetensors"
    weights = load_file(file)
    weights["classifier.bias"][label] += by
    save_file(weights, file, metadata={"format": "pt"})
    return checkpoint


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Export in fp32, and return a warning that the screen and the report have alike."""

    def export(checkpoint: Path, file: Path | None = None) -> str:
        request = Request(checkpoint, "m", tmp_path, ("fp32",), TOLERANCES, file)
        report = (export_bundle(request, Progress(Console())) / "report.md").read_text()
        shown = [line for line in capsys.readouterr().out.splitlines() if "warning: " in line]
        for line in shown:
            assert f"- {line.removeprefix('warning: ')}." in report
        return "\n".join(shown)

    return export


def test_a_checkpoint_that_always_gives_the_same_label(
    make_checkpoint: MakeCheckpoint, run: Callable[..., str]
) -> None:
    warned = run(silence(make_checkpoint(("a", "b", "c")), 1, 50.0))
    assert re.search(r"the checkpoint answers all \d+ texts with 'b': the graphs repeat", warned)


def test_several_labels_of_which_none_is_ever_given(
    make_checkpoint: MakeCheckpoint, write_labelled: Callable[..., Path], run: Callable[..., str]
) -> None:
    several = make_checkpoint(("a",), problem_type="multi_label_classification")
    file = write_labelled([{"text": f"ba be {'bi ' * i}", "label": ["a"]} for i in range(12)])
    warned = run(silence(several, 0, -50.0), file)
    assert re.search(r"the checkpoint answers all \d+ texts with no label", warned)
    assert "the checkpoint's macro_f1 on 12 labelled texts is 0, so no graph can lose any" in warned


def test_a_checkpoint_that_finds_no_entity(
    make_checkpoint: MakeCheckpoint, run: Callable[..., str]
) -> None:
    tags = ("O", "B-PER", "I-PER")
    warned = run(silence(make_checkpoint(tags, ner=True), 0, 50.0))
    assert re.search(r"the checkpoint finds no entity in any of \d+ texts", warned)


def test_labelled_texts_that_are_cut_are_counted(
    sentiment: Path, texts: list[str], write_labelled: Callable[..., Path], run: Callable[..., str]
) -> None:
    # The model reads 40 tokens, two of them special; the texts have 1 to 60 words.
    file = write_labelled([{"text": text, "label": "negative"} for text in texts])
    assert "22 of 60 labelled texts (36.7%) are longer than the 40 tokens" in run(sentiment, file)


def test_too_few_labelled_texts_for_int8_are_told_with_the_number_that_it_takes(
    sentiment: Path, texts: list[str], write_labelled: Callable[..., Path], tmp_path: Path
) -> None:
    file = write_labelled([{"text": text, "label": "negative"} for text in texts])
    loose = change_tolerances(["int8.agreement=0.5"])
    request = Request(sentiment, "m", tmp_path / "s", ("fp32", "int8"), loose, file)
    report = (export_bundle(request, Progress(Console(quiet=True))) / "report.md").read_text()
    assert "60 labelled texts show a loss of the metric from 0.083 on" in report
    assert "to hold int8 to its limit, 0.005, takes 1000." in report


@pytest.mark.parametrize("labels", [("LABEL_0", "LABEL_1"), ("LABEL_0",)])
def test_labels_without_names(
    make_checkpoint: MakeCheckpoint, run: Callable[..., str], labels: tuple[str, ...]
) -> None:
    said = f"the labels have no names, so answers say {', '.join(labels)}; give some in id"
    assert said in run(make_checkpoint(labels))


def test_the_value_of_a_regressor_needs_no_name(
    make_checkpoint: MakeCheckpoint, run: Callable[..., str]
) -> None:
    assert "names" not in run(make_checkpoint(("LABEL_0",), problem_type="regression"))


def test_an_ordinary_checkpoint_is_not_warned_of(sentiment: Path, run: Callable[..., str]) -> None:
    assert run(sentiment) == ""
