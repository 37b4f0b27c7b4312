"""Which backends run models: by the settings, the device and what is installed."""

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from app.engine.backends import selection
from app.engine.backends.base import Mode
from app.engine.backends.cuda.backend import BUDGET_TOKENS
from app.engine.backends.selection import select_backends


@pytest.fixture
def openvino(monkeypatch: pytest.MonkeyPatch) -> None:
    """Install an OpenVINO that is none, for a CPU that computes in bf16."""
    native = SimpleNamespace(get_type_name=lambda: "bf16")
    core = SimpleNamespace(get_property=lambda device, name: native)
    monkeypatch.setitem(sys.modules, "openvino", SimpleNamespace(Core=lambda: core))  # type: ignore[arg-type]


@pytest.fixture
def no_openvino(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)  # type: ignore[arg-type]


class Library:
    """A CUDA runtime that gives one answer when asked how many GPUs there are."""

    def __init__(self, error: int, count: int) -> None:
        def count_devices(found: Any) -> int:
            found._obj.value = count
            return error

        self.cudaGetDeviceCount = count_devices

    def __getattr__(self, name: str) -> Any:
        return SimpleNamespace()


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch, error: int, count: int) -> None:
    monkeypatch.setattr(selection, "choose_provider", lambda device: "CUDAExecutionProvider")
    monkeypatch.setattr("ctypes.CDLL", lambda name: Library(error, count))


def names(*arguments: Any) -> list[str]:
    return [backend.name for backend in select_backends(*arguments, streams=2)]


@pytest.mark.usefixtures("no_openvino")
def test_onnx_runtime_needs_no_openvino() -> None:
    assert names("onnxruntime", "cpu", None) == ["onnxruntime"]


@pytest.mark.usefixtures("no_openvino")
@pytest.mark.parametrize("wanted", ["openvino", "auto"])
def test_where_openvino_is_missing_the_remedy_is_named(wanted: str) -> None:
    with pytest.raises(ValueError, match="install the extra serve-openvino, or"):
        names(wanted, "cpu", None)


@pytest.mark.usefixtures("openvino")
def test_openvino_takes_bf16_where_the_cpu_has_it_and_auto_prefers_onnx_runtime() -> None:
    (openvino,) = select_backends("openvino", "auto", None, 2)
    assert openvino.modes == (Mode("bf16"), Mode("fp32"))
    assert [openvino.keeps_invariance(mode) for mode in openvino.modes] == [False, True]
    assert names("auto", "cpu", None) == ["onnxruntime", "openvino"]


@pytest.mark.usefixtures("openvino")
def test_only_backends_that_run_the_wanted_graph_compete() -> None:
    assert names("auto", "cpu", "fp32") == ["onnxruntime", "openvino"]
    assert names("auto", "cpu", "int8") == ["onnxruntime"]
    with pytest.raises(ValueError, match="precision is 'int8', .* runs fp32 graphs"):
        names("openvino", "cpu", "int8")


@pytest.mark.usefixtures("openvino", "cuda")
@pytest.mark.parametrize(("error", "count"), [(0, 1)])
def test_openvino_is_for_cpus() -> None:
    with pytest.raises(ValueError, match="CLASSMARK_DEVICE=cpu"):
        names("openvino", "cuda", None)
    assert names("auto", "auto", None) == ["onnxruntime"]


@pytest.mark.usefixtures("cuda")
@pytest.mark.parametrize(("error", "count"), [(0, 1)])
def test_where_there_is_cuda_packed_fp16_comes_first_and_one_batch_prepares_while_one_runs() -> (
    None
):
    (backend,) = select_backends("onnxruntime", "auto", None, 16)
    assert backend.provider == "CUDAExecutionProvider"
    assert list(map(str, backend.modes)) == ["fp16 packed", "fp16", "fp32", "int8"]
    assert backend.executors == 2
    assert max(count * tokens for count, tokens in backend.warm_up_shapes) == BUDGET_TOKENS


@pytest.mark.usefixtures("cuda")
@pytest.mark.parametrize(("error", "count"), [(100, 0), (35, 0), (0, 0)])
def test_where_cuda_finds_no_gpu_auto_takes_the_cpu_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    (backend,) = select_backends("onnxruntime", "auto", None, 2)
    assert backend.provider == "CPUExecutionProvider"
    assert "no GPU, models run on the CPU" in caplog.text
    (backend,) = select_backends("onnxruntime", "cuda", None, 2)
    assert backend.provider == "CUDAExecutionProvider"


@pytest.mark.usefixtures("cuda")
@pytest.mark.parametrize(("error", "count"), [(0, 1), (999, 0)])
def test_only_where_cuda_is_sure_there_is_no_gpu_auto_gives_it_up() -> None:
    (backend,) = select_backends("onnxruntime", "auto", None, 2)
    assert backend.provider == "CUDAExecutionProvider"


@pytest.mark.usefixtures("openvino")
def test_a_cpu_is_worth_as_many_executors_as_it_has_streams() -> None:
    assert [backend.executors for backend in select_backends("auto", "cpu", None, 3)] == [3, 3]
