"""A checkpoint that int8 breaks: the gate notices, and the fewest layers are kept in fp32."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer, BertForSequenceClassification

from app.bundle.bundle import open_bundle
from app.engine.text.encoding import TextInput
from export.checkpoint.load import load_checkpoint
from export.errors import GateFailed
from export.graphs.convert import export_graph
from export.parity.agreement import Agreement
from export.parity.candidate import Candidate, Verifier, best
from export.parity.measure import Measurement, measure
from export.parity.tolerances import TOLERANCES
from export.pipeline import Request, export_bundle
from export.progress import Progress
from export.reference.examples import Example
from export.reference.workload import prepare_workload
from export.search import int8
from export.search.int8 import ENOUGH_TEXTS, RANGE_TEXTS, split_range_texts
from export.search.sensitivity import find_fewest
from tests.export.conftest import WORDS
from tests.support.workloads import labelled, words

BROKEN = "bert.encoder.layer.1.output.dense"
OUTLIER = 4000.0
LABELS = ("negative", "positive")


@pytest.fixture(scope="module")
def broken(make_checkpoint: Callable[..., Path]) -> Path:
    """Return a checkpoint one of whose layers reads an outlier, with texts it is sure of.

    A channel of GELU's output is always 4000 and counts for nothing, as some channels of large
    encoders nearly do. One scale a token that has to reach so far leaves the other channels no
    steps: that layer's product is lost in int8, and exact in fp32.
    """
    folder = make_checkpoint(LABELS)
    model = BertForSequenceClassification.from_pretrained(folder)
    layer = model.bert.encoder.layer[1]
    with torch.no_grad():
        layer.output.dense.weight.mul_(8.0)  # so that the answer hangs on this layer
        layer.intermediate.dense.weight[0] = 0.0
        layer.intermediate.dense.bias[0] = OUTLIER
        layer.output.dense.weight[:, 0] = 0.0
    model.save_pretrained(folder)
    (folder / "eval.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in _sure(folder)))
    return folder


def _sure(folder: Path) -> list[dict[str, str]]:
    """Return the texts far from the border between the labels, each with the label it gets."""
    texts = [
        " ".join(WORDS[(i * 7 + j * j * 3) % len(WORDS)] for j in range(2 + i % 9))
        for i in range(400)
    ]
    features = AutoTokenizer.from_pretrained(folder)(texts, padding=True, return_tensors="pt")
    with torch.inference_mode():
        logits = BertForSequenceClassification.from_pretrained(folder)(**features).logits
    margins = logits[:, 1] - logits[:, 0]
    order = margins.argsort().tolist()
    chosen = (order[:60], order[-60:])
    return [
        {"text": texts[i], "label": label}
        for label, places in zip(LABELS, chosen, strict=True)
        for i in places
    ]


def request(checkpoint: Path, store: Path) -> Request:
    return Request(checkpoint, "m", store, ("int8",), TOLERANCES, checkpoint / "eval.jsonl")


def test_a_layer_that_int8_breaks_fails_the_gate_when_no_layer_may_stay_in_fp32(
    broken: Path, tmp_path: Path, quiet: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(int8, "_keep_layers_fp32", lambda *_: [])
    with pytest.raises(GateFailed, match=r"agreement 0\.[0-8]\d* where >= 0.985 is needed"):
        export_bundle(request(broken, tmp_path / "store"), quiet)
    assert not (tmp_path / "store").exists()


def test_exactly_that_layer_is_kept_in_fp32_and_the_gate_is_passed(
    broken: Path, tmp_path: Path, quiet: Progress
) -> None:
    target = export_bundle(request(broken, tmp_path), quiet)
    graph = open_bundle(target).manifest.graphs["int8"]
    assert graph.recipe.endswith(f"in 11 of 12 linear layers, kept in fp32: {BROKEN}")
    assert graph.gate is not None
    assert graph.parity.agreement >= graph.gate.agreement == 0.985
    assert graph.metric_loss is not None
    assert graph.metric_loss <= graph.gate.metric_loss == 0.005
    assert graph.batch_invariant


def test_the_report_says_what_was_kept_and_what_it_cost(
    broken: Path, tmp_path: Path, quiet: Progress
) -> None:
    report = (export_bundle(request(broken, tmp_path), quiet) / "report.md").read_text()
    assert "with every layer in int8: agreement 0." in report
    assert f"Kept in fp32, with each layer's share of the error: {BROKEN} " in report
    assert "MB" in report.split("That cost ")[1]


def test_no_layer_is_searched_for_where_one_changed_label_of_fifty_is_noise(
    sentiment: Path, tmp_path: Path, quiet: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(changed: int) -> None:
        def changed_measure(*given: Any) -> Measurement:
            labels = Agreement(50 - changed, 50, 0.1)
            return dataclasses.replace(measure(*given), labels=labels)

        monkeypatch.setattr("export.parity.candidate.measure", changed_measure)

    searched: list[Candidate] = []
    monkeypatch.setattr(int8, "_keep_layers_fp32", lambda *given: searched.append(given[2]) or [])
    checkpoint = load_checkpoint(sentiment)
    verifier = Verifier(checkpoint, prepare_workload(checkpoint, []), TOLERANCES["int8"], quiet)
    source = export_graph(checkpoint, tmp_path, None)
    change(1)
    (tried,) = int8.try_int8(verifier, source, tmp_path)
    assert best([tried]) is tried
    assert "1 of 50 labels changed, which chance explains; 199 would decide" in str(tried)
    assert searched == []
    change(5)
    assert best(int8.try_int8(verifier, source, tmp_path)) is None
    assert len(searched) == 1


@pytest.mark.parametrize("least", range(1, 13))
def test_the_fewest_that_pass_are_found_in_few_tries(least: int) -> None:
    tried: list[int] = []

    def passes(count: int) -> bool:
        tried.append(count)
        return count >= least

    assert find_fewest(12, passes) == least
    assert len(tried) == len(set(tried)) <= 7


def test_when_nothing_passes_the_search_ends_at_the_most_that_may_be_tried() -> None:
    tried: list[int] = []
    assert find_fewest(12, lambda count: bool(tried.append(count))) is None
    assert tried == [1, 2, 4, 8, 12]


def test_texts_for_ranges_are_not_measured_if_there_are_enough() -> None:
    texts = [Example(TextInput(f"text {'x ' * (i % 9)}{i}")) for i in range(ENOUGH_TEXTS)]
    whole = labelled(texts, [words(one.source.text).windows[0].ids for one in texts])
    whole = dataclasses.replace(whole, strategy="max")
    for_ranges, rest = split_range_texts(whole)
    assert rest.strategy == "max"
    assert len(for_ranges) == RANGE_TEXTS
    assert len(rest.inputs) == len(rest.examples) == ENOUGH_TEXTS - RANGE_TEXTS
    assert not {id(one) for one in for_ranges} & {id(one) for one in rest.encodings}
    assert rest.inputs[rest.golden[0]] == whole.inputs[whole.golden[0]]
    few = labelled(texts[:50], whole.logits[:50])
    assert split_range_texts(few)[1] is few
