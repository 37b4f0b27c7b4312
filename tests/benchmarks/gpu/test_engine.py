"""The way of a network on a CPU: checkpoint, bundle, contenders, and their answers."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.gpu.contenders import CAPTURED, EAGER, PADDED_FP16, TORCH, open_contender
from benchmarks.gpu.plan import GpuPlan, make_plan
from benchmarks.gpu.results import Results
from benchmarks.gpu.stages import engine, parity
from benchmarks.gpu.subjects import bundles
from benchmarks.gpu.subjects.bundles import open_made
from benchmarks.gpu.subjects.networks import NETWORKS
from benchmarks.gpu.subjects.streams import encode, mixed


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> GpuPlan:
    folder = tmp_path_factory.mktemp("gpu")
    small = make_plan("cpu", folder / "out", folder)
    made = replace(small, families=("modernbert",), texts=16, seconds=0.0, rounds=2)
    for name in (made.base, made.small):
        bundles._make(folder, name, int8=name == made.small)
    return made


def test_the_bundle_has_every_graph_and_its_attention_is_fused(plan: GpuPlan) -> None:
    manifest = open_made(plan, plan.base)[0].manifest
    assert set(manifest.graphs) == {"fp32", "fp16"}
    assert manifest.packed is not None
    assert "2 Attention" in manifest.graphs["fp16"].recipe
    assert set(open_made(plan, plan.small)[0].manifest.graphs) == {"fp32", "int8"}


@pytest.mark.parametrize("name", [PADDED_FP16, EAGER])
def test_every_contender_gives_the_answers_of_torch(plan: GpuPlan, name: str) -> None:
    bundle, checkpoint = open_made(plan, plan.base)
    batch = encode(mixed(8), NETWORKS[plan.base])
    own, other = (
        open_contender(one, bundle, checkpoint, "cpu").run(batch) for one in (name, TORCH)
    )
    assert np.stack(own) == pytest.approx(np.stack(other), abs=0.02)


def test_what_fails_is_noted_and_all_else_is_measured(plan: GpuPlan) -> None:
    engine.measure(plan, Results(plan.out))
    parity.measure(plan, Results(plan.out))
    found = Results(plan.out).found
    for row in found["engine"]["streams"][:2]:
        assert set(row["contenders"]) == {PADDED_FP16, EAGER, TORCH}
        assert all(len(one["rates"]) == len(row["ceilings"]) for one in row["contenders"].values())
    assert {row["contender"] for row in found["parity"]} == {PADDED_FP16, EAGER}
    assert "CUDA graphs need a GPU" in found["failed"][f"engine: {CAPTURED}"]
    page = (plan.out / "results.md").read_text()
    assert f"- engine: {CAPTURED}: " in page


def test_a_bundle_that_cannot_be_made_says_why_at_once(
    plan: GpuPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no exporter")

    monkeypatch.setattr(bundles, "write_bundle", fail)
    other = replace(plan, build=tmp_path)
    bundles._make(tmp_path, plan.base, int8=False)
    with pytest.raises(BenchmarkError, match="no bundle tiny-bert: RuntimeError: no exporter"):
        open_made(other, plan.base)


def test_labels_that_rounding_may_change_are_counted_apart() -> None:
    wanted = [np.array([2.0, 0.0]), np.array([0.001, 0.0]), np.array([0.0, 2.0])]
    got = [np.array([2.0, 0.0]), np.array([0.0, 0.001]), np.array([2.0, 0.0])]
    row = parity._compare(wanted, got)
    assert (row["compared"], row["agreement"], row["ties_changed"]) == (2, 0.5, 1)
    assert not parity._held(row)


def test_it_loads_without_what_a_gpu_machine_may_lack() -> None:
    lacking = ("optimum", "seqeval", "sklearn", "rich", "matplotlib", "openvino", "obstore")
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({lacking}))\nimport benchmarks.gpu.__main__"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
