"""A bundle has the graphs of the machines that it is for, and says what each of them took."""

from pathlib import Path

import pytest

from app.bundle.base import Precision
from app.bundle.bundle import open_bundle
from app.engine.backends.cuda.backend import CudaBackend
from app.engine.backends.onnxruntime import OnnxRuntimeBackend
from export.__main__ import main
from export.options import PRECISIONS_FOR, Machines
from tests.support.checkpoints import make_checkpoint
from tests.support.families import choose_families


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    (family,) = choose_families(["bert"])
    folder = tmp_path_factory.mktemp("bert") / "checkpoint"
    return make_checkpoint(family, "sequence-classification", folder)


@pytest.mark.parametrize(
    ("machines", "graphs", "packed"),
    [
        ("cpu", {"fp32", "int8"}, False),
        ("cuda", {"fp32", "fp16"}, True),
        ("both", {"fp32", "fp16", "int8"}, True),
    ],
)
def test_the_graphs_follow_the_machines(
    bert: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    machines: Machines,
    graphs: set[Precision],
    packed: bool,
) -> None:
    loose = [f"{precision}.agreement=0.7" for precision in ("fp16", "int8")]
    given = [str(bert), "--name", "m", "--store", str(tmp_path), "--for", machines]
    assert main([*given, *(f"--tolerance={limit}" for limit in loose)]) == 0
    manifest = open_bundle(tmp_path / "m" / "1").manifest
    assert set(manifest.graphs) == graphs
    assert (manifest.packed is not None) is packed
    (took,) = [line for line in capsys.readouterr().out.splitlines() if "took: " in line]
    assert all(f"{name} " in took for name in graphs)
    assert ("packed " in took) is packed


def test_a_cpu_gets_no_packed_graph_beside_fp16_either(bert: Path, tmp_path: Path) -> None:
    given = [str(bert), "--name", "m", "--store", str(tmp_path), "--for", "cpu"]
    assert main([*given, "--precision", "fp16", "--tolerance=fp16.agreement=0.7"]) == 0
    assert open_bundle(tmp_path / "m" / "1").manifest.packed is None


def test_the_first_choice_of_each_machine_is_made_for_it() -> None:
    first = {"cpu": OnnxRuntimeBackend.modes[0], "cuda": CudaBackend.modes[0]}
    for machines, mode in first.items():
        assert mode.precision in PRECISIONS_FOR[machines]  # type: ignore[index]
