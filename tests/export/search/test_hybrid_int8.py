"""An export takes hybrid int8 if it can, and drops the fewest ranges to pass its gate."""

import re
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from onnx import numpy_helper

from app.bundle.bundle import open_bundle
from app.bundle.manifest import Manifest
from export.checkpoint.load import load_checkpoint
from export.graphs.convert import Graph, export_graph
from export.graphs.int8.hybrid import HybridQuantizer
from export.parity.candidate import Verifier
from export.parity.tolerances import change_tolerances
from export.pipeline import Request, export_bundle
from export.progress import Progress
from export.reference.workload import prepare_workload
from export.search import int8
from export.search.int8 import ENOUGH_TEXTS


@pytest.fixture
def many(texts: list[str], write_labelled: Callable[..., Path]) -> Path:
    """Return a labelled file with texts enough to hold some back for the ranges."""
    return write_labelled(
        [
            {"text": f"{text} {texts[(i * 7) % len(texts)]}", "label": "negative"}
            for i, text in enumerate(texts * (ENOUGH_TEXTS // len(texts) + 1))
        ]
    )


def export_int8(checkpoint: Path, file: Path, progress: Progress) -> Manifest:
    limits = change_tolerances(["int8.agreement=0.8", "int8.metric_loss=0.3"])
    request = Request(checkpoint, "m", file.parent / "store", ("int8",), limits, file)
    return open_bundle(export_bundle(request, progress)).manifest


def test_an_export_with_labelled_texts_tries_it_first(
    sentiment: Path, many: Path, quiet: Progress
) -> None:
    """It is not measured on the texts of its ranges, yet its metrics are of every text."""
    manifest = export_int8(sentiment, many, quiet)
    assert "fixed ranges (10 layers, ranges of 64 texts)" in manifest.graphs["int8"].recipe
    assert manifest.evaluation is not None
    assert manifest.evaluation.inputs >= ENOUGH_TEXTS
    assert manifest.graphs["int8"].parity.inputs >= manifest.evaluation.inputs
    assert "int8" in manifest.evaluation.graphs


def ruin(graph: Graph) -> Graph:
    """Let a graph give every text the other label."""
    model = onnx.load(graph.path)
    for item in model.graph.initializer:
        if item.name.startswith("classifier."):
            item.CopyFrom(numpy_helper.from_array(-numpy_helper.to_array(item), item.name))
    onnx.save(model, graph.path)
    return graph


def ruin_below(enough: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let every hybrid graph that drops fewer ranges miss its gate; return the numbers tried."""
    quantize = HybridQuantizer.quantize
    tried: list[int] = []

    def quantize_badly(hybrid: HybridQuantizer, dropped: int = 0) -> Graph:
        tried.append(dropped)
        graph = quantize(hybrid, dropped)
        return graph if dropped >= enough else ruin(graph)

    monkeypatch.setattr(HybridQuantizer, "quantize", quantize_badly)
    return tried


def test_where_it_misses_its_gate_the_fewest_ranges_are_dropped(
    sentiment: Path, many: Path, quiet: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = ruin_below(2, monkeypatch)
    recipe = export_int8(sentiment, many, quiet).graphs["int8"].recipe
    assert tried == [0, 1, 2]
    found = re.search(r"fixed ranges \((\d+) layers.* a token \((\d+) layers\)", recipe)
    assert found is not None
    ranged, rows = map(int, found.groups())
    assert ranged + rows == 12
    assert rows >= 2 + 2  # those behind GELU, and one at least for each range


def test_where_half_of_the_ranges_are_too_many_a_scale_a_token_is_next(
    sentiment: Path, many: Path, quiet: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = ruin_below(4, monkeypatch)
    recipe = export_int8(sentiment, many, quiet).graphs["int8"].recipe
    assert tried == [0, 1, 2, 3]  # of six
    assert "activations a token in 12 linear layers" in recipe


def test_without_labelled_texts_every_layer_has_a_scale_a_token(
    sentiment: Path, tmp_path: Path, quiet: Progress
) -> None:
    checkpoint = load_checkpoint(sentiment)
    limits = change_tolerances(["int8.agreement=0"])["int8"]
    verifier = Verifier(checkpoint, prepare_workload(checkpoint, []), limits, quiet)
    (tried,) = int8.try_int8(verifier, export_graph(checkpoint, tmp_path, None), tmp_path)
    assert "activations a token in 12 linear layers" in tried.graph.recipe


def test_with_few_labelled_texts_every_layer_has_a_scale_a_token(
    sentiment: Path, texts: list[str], write_labelled: Callable[..., Path], quiet: Progress
) -> None:
    file = write_labelled([{"text": text, "label": "negative"} for text in texts[:40]])
    recipe = export_int8(sentiment, file, quiet).graphs["int8"].recipe
    assert "activations a token in 12 linear layers" in recipe
