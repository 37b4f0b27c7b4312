"""OpenVINO gives ONNX Runtime's answers from the same bundle."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from app.bundle import RuntimePrecision, open_bundle
from app.engine.answers.decoding import Logits
from app.engine.backends.base import Backend, Mode
from app.engine.backends.onnxruntime import OnnxRuntimeBackend
from app.engine.backends.openvino import OpenVinoBackend
from app.engine.models.servable import Servable
from app.engine.text.encoding import Encoding, TextInput
from app.errors import BundleError

# Not importorskip: that would import it with what reports usage.
pytestmark = pytest.mark.skipif(
    find_spec("openvino") is None, reason="needs the extra serve-openvino"
)

TEXTS = ["good", "angela merkel visited berlin", "a bad film and it was a great match " * 5, "?!"]


@pytest.fixture(scope="module")
def openvino() -> OpenVinoBackend:
    return OpenVinoBackend(streams=2)


def serve(store: Path, name: str, backend: Backend, precision: RuntimePrecision) -> Servable:
    return Servable.load(open_bundle(store / name / "1"), backend, Mode(precision))


def encode(servable: Servable) -> list[Encoding]:
    return [servable.encode(TextInput(text), "truncate", 1).windows[0] for text in TEXTS]


def difference(rows: list[Logits], others: list[Logits]) -> float:
    return max(float(np.abs(a - b).max()) for a, b in zip(rows, others, strict=True))


@pytest.fixture(params=["mood", "names"])
def both(
    request: pytest.FixtureRequest, tiny_store: Path, openvino: OpenVinoBackend
) -> tuple[Servable, Servable]:
    """One model by ONNX Runtime and by OpenVINO, in fp32."""
    reference = OnnxRuntimeBackend()
    return (
        serve(tiny_store, request.param, reference, "fp32"),
        serve(tiny_store, request.param, openvino, "fp32"),
    )


def test_fp32_answers_as_onnx_runtime_does_alone_in_batches_and_from_many_threads(
    both: tuple[Servable, Servable],
) -> None:
    reference, servable = both
    encodings = encode(servable)
    wanted = reference.run(encodings)
    assert servable.batch_invariant
    assert difference(wanted, servable.run(encodings)) < 1e-4
    with ThreadPoolExecutor(8) as pool:
        alone = [pool.submit(servable.run, [encoding]) for encoding in encodings * 10]
    assert difference(wanted * 10, [rows for future in alone for rows in future.result()]) < 1e-4


def test_an_answer_stays_when_the_next_text_runs(both: tuple[Servable, Servable]) -> None:
    servable = both[1]
    first, *_, last = encode(servable)
    (rows,) = servable.run([first])
    before = rows.copy()
    servable.run([replace(last, ids=last.ids[: first.tokens], type_ids=first.type_ids)])
    assert np.array_equal(rows, before)


def test_bf16_runs_the_fp32_graph_one_entry_at_a_time(
    tiny_store: Path, openvino: OpenVinoBackend
) -> None:
    if "bf16" not in [mode.precision for mode in openvino.modes]:
        pytest.skip("needs a CPU that computes in bf16")
    servable = serve(tiny_store, "mood", openvino, "bf16")
    assert (servable.runtime, servable.graph.file) == ("openvino bf16", "model.fp32.onnx")
    assert not servable.batch_invariant
    # The weights are random and large, so that single logits move far; on average they do not.
    reference = serve(tiny_store, "mood", openvino, "fp32")
    pairs = [(servable.run([one])[0], reference.run([one])[0]) for one in encode(servable)]
    moved = np.abs([half - full for half, full in pairs])
    assert 0.0 < moved.mean() < 0.05 * np.abs([full for _, full in pairs]).max()


def test_what_is_no_graph_or_another_is_refused(
    tiny_store: Path, openvino: OpenVinoBackend
) -> None:
    bundle = open_bundle(tiny_store / "mood" / "1")
    graph = bundle.manifest.graphs["fp32"]
    with pytest.raises(BundleError, match="OpenVINO does not load the graph"):
        openvino.load(b"no graph", graph, "fp32", 0)
    other = graph.model_copy(update={"inputs": ("input_ids",)})
    with pytest.raises(BundleError, match="the manifest says"):
        openvino.load(bundle.read_graph(graph), other, Mode("fp32"), 0)


def test_openvino_loads_without_what_reports_usage() -> None:
    code = (
        "import sys\n"
        "from app.engine.backends.openvino import OpenVinoBackend\n"
        "OpenVinoBackend(1)\n"
        "assert 'openvino' in sys.modules\n"
        "reporting = [m for m in sys.modules if m.startswith('openvino_telemetry.')]\n"
        "assert sys.modules['openvino_telemetry'] is None and not reporting, reporting"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
