"""The whole way on a CPU with tiny networks: checkpoint, bundle, runners, answers."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.errors import Unavailable
from benchmarks.gpu.plan import GpuPlan
from benchmarks.gpu.runners import lineup
from benchmarks.gpu.runners.lineup import (
    CAPTURED,
    COMPILED,
    PACKED,
    PADDED,
    PADDED_FP32,
    SERVICE,
    TORCH,
)
from benchmarks.gpu.stages.engine import measure_engine
from benchmarks.gpu.stages.parity import compare_logits, measure_parity
from benchmarks.gpu.subjects.bundles import LoadedNetwork, open_network
from benchmarks.gpu.subjects.networks import TINY
from benchmarks.gpu.subjects.streams import mixed


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> LoadedNetwork:
    return open_network(TINY[0], tmp_path_factory.mktemp("build"), "cpu")


def test_the_bundle_has_every_graph_and_its_attention_is_fused(loaded: LoadedNetwork) -> None:
    manifest = loaded.bundle.manifest
    assert set(manifest.graphs) == {"fp32", "fp16"}
    assert manifest.packed is not None
    assert "2 Attention" in manifest.graphs["fp16"].recipe


@pytest.mark.parametrize("name", [PADDED_FP32, PADDED, SERVICE])
def test_every_runner_gives_the_answers_of_torch(loaded: LoadedNetwork, name: str) -> None:
    batch = mixed(8).encode(loaded.network)
    answers = []
    for one in (TORCH, name):
        runner = lineup.make_runner(one, loaded)
        work = runner.prepare(batch)
        work.run()
        answers.append([np.array(logits) for logits in work.answers()])
        runner.close()
    compared, _, difference = compare_logits(*answers)
    assert compared == len(batch)
    assert difference < 0.05


@pytest.mark.parametrize("name", [PACKED, CAPTURED, COMPILED])
def test_what_needs_a_gpu_says_so(loaded: LoadedNetwork, name: str) -> None:
    with pytest.raises(Unavailable, match="needs CUDA"):
        lineup.make_runner(name, loaded)


def test_the_engine_stage_measures_all_that_runs_here(
    loaded: LoadedNetwork, tmp_path: Path
) -> None:
    plan = GpuPlan("cpu", tmp_path, rounds=2, engine_seconds=0.001, pilot_seconds=0.001,
                lengths=(32,), texts=16)  # fmt: skip
    found = measure_engine(loaded, plan)
    assert set(found["missing"]) == {PACKED, CAPTURED, COMPILED}
    for stream in found["streams"].values():
        assert set(stream["runners"]) == {PADDED_FP32, PADDED, SERVICE, TORCH}
        assert all(len(one["rates"]) == 2 for one in stream["runners"].values())
        assert len(stream["ceilings"]) == 2
    assert set(found["sessions"]) == {"1", "2"}


def test_a_family_without_a_packed_graph_is_named(tmp_path: Path) -> None:
    from tests.support.families import choose_families

    found = measure_parity((), tmp_path, "cpu", choose_families(["modernbert"]))
    assert found == {"rows": [], "missing": {"modernbert": "no packed graph for this family"}}


def test_it_loads_without_what_a_gpu_machine_may_lack() -> None:
    lacking = ("optimum", "seqeval", "sklearn", "scipy", "rich", "matplotlib", "openvino")
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({lacking}))\nimport benchmarks.gpu.__main__"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
