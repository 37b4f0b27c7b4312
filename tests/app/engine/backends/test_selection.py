"""Which backend runs models: by the settings and the device."""

from types import SimpleNamespace
from typing import Any

import pytest

from app.engine.backends import selection
from app.engine.backends.cuda.backend import BUDGET_TOKENS
from app.engine.backends.selection import select_backend


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


@pytest.mark.usefixtures("cuda")
@pytest.mark.parametrize(("error", "count"), [(0, 1)])
def test_where_there_is_cuda_packed_fp16_comes_first_and_one_batch_prepares_while_one_runs() -> (
    None
):
    backend = select_backend("auto", 16)
    assert backend.provider == "CUDAExecutionProvider"
    assert list(map(str, backend.modes)) == ["fp16 packed", "fp16", "fp32", "int8"]
    assert backend.executors == 2
    assert max(count * tokens for count, tokens in backend.warm_up_shapes) == BUDGET_TOKENS


@pytest.mark.usefixtures("cuda")
@pytest.mark.parametrize(("error", "count"), [(100, 0), (35, 0), (0, 0)])
def test_where_cuda_finds_no_gpu_auto_takes_the_cpu_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    backend = select_backend("auto", 2)
    assert backend.provider == "CPUExecutionProvider"
    assert "no GPU, models run on the CPU" in caplog.text
    assert "there is none: the CPU runs it" in (backend.degraded or "")
    backend = select_backend("cuda", 2)
    assert backend.provider == "CUDAExecutionProvider"
    assert backend.degraded is None


@pytest.mark.usefixtures("cuda")
@pytest.mark.parametrize(("error", "count"), [(0, 1), (999, 0)])
def test_only_where_cuda_is_sure_there_is_no_gpu_auto_gives_it_up() -> None:
    backend = select_backend("auto", 2)
    assert backend.provider == "CUDAExecutionProvider"


def test_a_cpu_is_worth_as_many_executors_as_it_has_streams() -> None:
    backend = select_backend("cpu", 3)
    assert (backend.provider, backend.executors) == ("CPUExecutionProvider", 3)
