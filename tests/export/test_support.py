"""The support table: every yes is a figure, every no has its reason, nothing else is touched."""

from pathlib import Path

import pytest

import export.support.trial
from app.bundle import Task
from export.__main__ import main
from export.errors import ExportError
from export.reference.sample_texts import SENTENCES
from export.support.families import FAMILIES, TOKENS, Family, choose_families
from export.support.page import BEGIN, END, render, write_page
from export.support.trial import Trial, try_family
from export.support.vocabularies import BERT, train_tokenizer

TASK: Task = "token-classification"


def family(name: str) -> Family:
    (found,) = choose_families([name])
    return found


def rows(page: str, name: str) -> list[list[str]]:
    lines = [line for line in page.splitlines() if line.startswith(f"| {name} (")]
    return [[cell.strip() for cell in line.split(" | ")] for line in lines]


def test_the_command_writes_a_figure_for_every_task_and_precision(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "docs" / "models.md"
    assert main(["support", "--family", "roberta", "--out", str(out)]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "roberta, token-classification: fp32 1.0000" in captured.err
    made = rows(out.read_text(), "roberta")
    assert [row[1] for row in made] == ["fp32", "fp16", "int8"] * 2
    assert all(row[2].startswith("yes: ") for row in made)
    assert [float(row[2].removeprefix("yes: ")) for row in made][::3] == [1.0, 1.0]
    assert all("Attention" in row[5] for row in made)
    assert all(int(row[6].rstrip(" |")) > 0 for row in made[2::3])


def test_relative_positions_survive_fp16() -> None:
    """Buckets of positions rounded to fp16 moved scores by 0.5."""
    halved = try_family(family("mpnet"), TASK)[1].measured
    assert halved is not None
    assert halved.parity.max_score_difference < 0.05


@pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is deprecated:DeprecationWarning")
def test_a_head_that_reads_one_row_a_text_stays_in_fp32() -> None:
    trials = try_family(family("modernbert"), "sequence-classification")
    assert [one.reason for one in trials] == ["", "", ""]
    assert trials[2].int8_layers == "12"


def test_a_family_that_fails_is_named_with_the_librarys_own_reason() -> None:
    unknown = Family("fnet", "BertTokenizerFast", BERT)
    trials = try_family(unknown, "sequence-classification")
    assert {one.measured for one in trials} == {None}
    assert "fnet" in trials[0].reason
    table = rows(render(trials, {}), "fnet")
    assert len(table) == 3
    assert all(row[2].startswith("no: ") and "fnet" in row[2] for row in table)


def test_a_precision_that_fails_takes_no_other_along(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("Node (a|b) has no kernel\nand more")

    monkeypatch.setattr(export.support.trial, "halve_graph", fail)
    trials = try_family(family("distilbert"), TASK)
    assert [one.reason for one in trials] == ["", "Node (a|b) has no kernel", ""]
    assert "no: Node (a\\|b) has no kernel |" in render(trials, {})
    assert "2 of 3 combinations" in render(trials, {})


@pytest.mark.parametrize("name", ["bert", "roberta", "xlm-roberta", "albert", "mpnet"])
def test_a_family_has_the_same_vocabulary_every_time(name: str) -> None:
    vocabulary = family(name).vocabulary
    made = {train_tokenizer(vocabulary, SENTENCES).to_str() for _ in range(3)}
    assert len(made) == 1


def test_the_checkpoints_answers_vary_and_reach_the_limit(tmp_path: Path) -> None:
    from export.checkpoint.load import load_checkpoint
    from export.reference.workload import prepare_workload
    from export.support.checkpoints import make_checkpoint

    for name in ("camembert", "bert"):
        folder = make_checkpoint(family(name), "sequence-classification", tmp_path / name)
        checkpoint = load_checkpoint(folder)
        workload = prepare_workload(checkpoint, [])
        assert checkpoint.max_length == TOKENS
        assert max(one.tokens for one in workload.encodings) == TOKENS
        assert {int(row.argmax()) for row in workload.logits} == {0, 1, 2}


def test_the_page_around_the_table_stays_as_it_is(tmp_path: Path) -> None:
    page = tmp_path / "models.md"
    page.write_text(f"# Mine\n\n{BEGIN}\nold\n{END}\n\nmore\n")
    write_page(page, render([Trial(family("bert"), TASK, "fp32", reason="none")], {}))
    text = page.read_text()
    assert text.startswith("# Mine\n\n")
    assert text.endswith("\n\nmore\n")
    assert "old" not in text
    assert "no: none" in text
    page.write_text("# By hand\n")
    with pytest.raises(ExportError, match="holds no support table to replace"):
        write_page(page, "new")
    assert page.read_text() == "# By hand\n"


def test_a_family_nobody_knows_is_refused_with_those_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["support", "--family", "bert", "gpt2"]) == 2
    assert "no family gpt2 here; there are albert, bert," in capsys.readouterr().err


def test_every_family_asked_of_us_is_tried() -> None:
    assert [one.name for one in FAMILIES] == [
        *("bert", "distilbert", "roberta", "xlm-roberta", "camembert"),
        *("albert", "electra", "mpnet", "deberta-v2", "modernbert"),
    ]
