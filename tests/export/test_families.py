"""Every encoder family that is supported: exported in each precision and compared with PyTorch."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from app.bundle.base import Precision, Task
from export.checkpoint.load import load_checkpoint
from export.errors import CheckpointRefused
from export.graphs.convert import BERT_LIKE, Graph, export_graph, fuse_graph, halve_graph
from export.graphs.int8.quantize import Quantizer
from export.parity.measure import Measurement, measure
from export.reference.sample_texts import SENTENCES
from export.reference.workload import prepare_workload
from tests.support.checkpoints import make_checkpoint
from tests.support.families import FAMILIES, LAYERS, TOKENS, Family, choose_families
from tests.support.vocabularies import BERT, train_tokenizer

TASKS: tuple[Task, ...] = get_args(Task)
# Linear layers in int8: six an encoder layer unless the family is built otherwise. Of modernbert's
# head, which has a layer of its own, the one for texts reads one row a text and stays in fp32.
INT8_LAYERS = {"albert": (7, 7), "electra": (19, 19), "modernbert": (12, 13)}
# Random weights leave many answers on a border, so a small difference changes a label.
LEAST_AGREEMENT: dict[Precision, float] = {"fp32": 1.0, "fp16": 0.99, "int8": 0.85}
MOST_DIFFERENCE: dict[Precision, float] = {"fp32": 1e-4, "fp16": 0.05, "int8": 0.3}
PACKAGES_WARN = pytest.mark.filterwarnings(
    "ignore:.torch.jit.script.* is deprecated:DeprecationWarning"
)


def family(name: str) -> Family:
    (found,) = choose_families([name])
    return found


def export_all(of: Family, task: Task, folder: Path) -> dict[Precision, tuple[Graph, Measurement]]:
    """Export a tiny random checkpoint in each precision and measure the graphs."""
    checkpoint = load_checkpoint(make_checkpoint(of, task, folder / of.name))
    workload = prepare_workload(checkpoint, [])
    source = export_graph(checkpoint, folder, None)
    fused = fuse_graph(checkpoint, source, folder / "fp32.onnx")
    makers: dict[Precision, Callable[[], Graph]] = {
        "fp32": lambda: fused,
        "fp16": lambda: halve_graph(fused, folder / "fp16.onnx"),
        "int8": lambda: Quantizer.prepare(checkpoint, source, folder).quantize(),
    }
    graphs = {precision: make() for precision, make in makers.items()}
    return {name: (graph, measure(checkpoint, graph, workload)) for name, graph in graphs.items()}


@PACKAGES_WARN
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", [one.name for one in FAMILIES])
def test_a_family_is_exported_in_every_precision_and_agrees(
    name: str, task: Task, tmp_path: Path
) -> None:
    found = export_all(family(name), task, tmp_path)
    assert list(found) == list(get_args(Precision))
    for precision, (graph, measured) in found.items():
        parity = measured.parity
        assert parity.inputs >= 50
        assert parity.agreement >= LEAST_AGREEMENT[precision], precision
        assert parity.max_score_difference <= MOST_DIFFERENCE[precision], precision
        # fp16 outside a fused node rounds differently from one batch shape to the next.
        assert measured.batch_invariant or (precision == "fp16" and name not in BERT_LIKE)
        assert ("Attention" in graph.recipe) == (name in BERT_LIKE), precision
    layers = re.search(r"(\d+) linear layers", found["int8"][0].recipe)
    assert layers is not None
    expected = INT8_LAYERS.get(name, (6 * LAYERS,) * 2)
    assert int(layers[1]) == expected[TASKS.index(task)]


def test_relative_positions_survive_fp16(tmp_path: Path) -> None:
    """Buckets of positions rounded to fp16 moved scores by 0.5."""
    _, measured = export_all(family("mpnet"), "token-classification", tmp_path)["fp16"]
    assert measured.parity.max_score_difference < 0.05


@PACKAGES_WARN
def test_a_head_that_reads_one_row_a_text_stays_in_fp32(tmp_path: Path) -> None:
    graph, _ = export_all(family("modernbert"), "sequence-classification", tmp_path)["int8"]
    assert "in 12 linear layers" in graph.recipe


def test_a_family_that_optimum_cannot_export_is_refused_with_its_reason(tmp_path: Path) -> None:
    folder = make_checkpoint(
        Family("fnet", "BertTokenizerFast", BERT), "sequence-classification", tmp_path / "fnet"
    )
    with pytest.raises(CheckpointRefused, match=r"fnet cannot be exported to ONNX \(.*fnet"):
        export_graph(load_checkpoint(folder), tmp_path, None)


@pytest.mark.parametrize("name", ["bert", "roberta", "xlm-roberta", "albert", "mpnet"])
def test_a_family_has_the_same_vocabulary_every_time(name: str) -> None:
    vocabulary = family(name).vocabulary
    made = {train_tokenizer(vocabulary, SENTENCES).to_str() for _ in range(3)}
    assert len(made) == 1


def test_the_checkpoints_answers_vary_and_reach_the_limit(tmp_path: Path) -> None:
    for name in ("camembert", "bert"):
        folder = make_checkpoint(family(name), "sequence-classification", tmp_path / name)
        checkpoint = load_checkpoint(folder)
        workload = prepare_workload(checkpoint, [])
        assert checkpoint.max_length == TOKENS
        assert max(one.tokens for one in workload.encodings) == TOKENS
        assert {int(row.argmax()) for row in workload.logits} == {0, 1, 2}


def test_an_unknown_family_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="no family gpt2 here; there are albert, bert,"):
        choose_families(["bert", "gpt2"])


def test_every_family_of_the_docs_is_tried() -> None:
    listed = (Path(__file__).parents[2] / "docs" / "models.md").read_text()
    names = [one.name for one in FAMILIES]
    assert names == [
        *("bert", "distilbert", "roberta", "xlm-roberta", "camembert"),
        *("albert", "electra", "mpnet", "deberta-v2", "modernbert"),
    ]
    assert [name for name in names if f"| `{name}` |" in listed] == names
