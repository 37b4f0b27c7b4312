"""The real device: runs only where there is a GPU, the extra serve-gpu, and the extra export."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from app.engine.backends.base import Execution
from app.engine.backends.cuda.backend import CudaBackend
from app.engine.backends.cuda.buckets import plan
from app.engine.backends.cuda.capture import capture_all, check_batch
from app.engine.backends.cuda.device import EAGER
from app.engine.backends.cuda.onnxruntime import PROVIDER, OnnxCudaDevice
from app.engine.backends.cuda.owner import Owner
from app.engine.backends.cuda.session import CudaSession, open_session
from app.engine.backends.packing import Extent
from tests.support.cuda import INPUTS

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(
        "CUDAExecutionProvider" not in ort.get_available_providers(),
        reason="needs an NVIDIA GPU and the extra serve-gpu",
    ),
]

BUCKETS = plan(max_length=64, budget_tokens=512, most=24)


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A packed graph of a tiny BERT, with heads of 32, which flash attention has a kernel for."""
    pytest.importorskip("torch", reason="needs the extra export")
    from export.checkpoint.load import load_checkpoint
    from export.graphs.packed.build import build_packed
    from tests.support.checkpoints import make_checkpoint
    from tests.support.families import choose_families

    folder = tmp_path_factory.mktemp("packed")
    (family,) = choose_families(["bert"])
    settings = {**family.settings, "hidden_size": 64, "num_attention_heads": 2}
    changed = replace(family, settings=settings)
    checkpoint = make_checkpoint(changed, "sequence-classification", folder / "checkpoint")
    return build_packed(load_checkpoint(checkpoint), folder / "packed.onnx").path


@pytest.fixture
def make(graph: Path) -> Callable[[bool], OnnxCudaDevice]:
    CudaBackend()  # sets what the process needs
    data = graph.read_bytes()
    return lambda captures: OnnxCudaDevice(data, INPUTS, BUCKETS.limits, captures)


def test_captured_answers_are_those_of_plain_runs(make: Callable[[bool], OnnxCudaDevice]) -> None:
    device = make(True)
    capture_all(device, BUCKETS, INPUTS, device.make_buffer())  # raises where they differ
    device.close()


def test_a_text_gets_its_own_answer_in_any_company(make: Callable[[bool], OnnxCudaDevice]) -> None:
    session = open_session(make, BUCKETS, INPUTS)
    assert session.execution == ("captured", None)
    batch = check_batch(Extent(200, 9, 64), full=False)
    alone = [session.run([one])[0] for one in batch]
    for rows, wanted in zip(session.run(batch), alone, strict=True):
        assert rows == pytest.approx(wanted, abs=0.02)


def test_a_session_serves_while_another_is_captured(
    make: Callable[[bool], OnnxCudaDevice],
) -> None:
    # An eager one takes device memory for every new size.
    eager = CudaSession(Owner(lambda: make(False)), BUCKETS, INPUTS, Execution("packed"))
    captured = open_session(make, BUCKETS, INPUTS)
    batches = [check_batch(extent, full=False) for extent in BUCKETS.extents]
    ended, rounds = threading.Event(), 0
    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(open_session, make, BUCKETS, INPUTS)
        loading.add_done_callback(lambda _: ended.set())
        while not ended.is_set():
            for batch in batches:
                for serving in (eager, captured):
                    assert all(np.isfinite(row).all() for row in serving.run(batch))
            rounds += 1
    assert loading.result().execution == ("captured", None)
    assert rounds


def test_a_session_that_goes_gives_its_memory_back(make: Callable[[bool], OnnxCudaDevice]) -> None:
    pynvml = pytest.importorskip("pynvml")
    pynvml.nvmlInit()
    gpu = pynvml.nvmlDeviceGetHandleByIndex(0)

    def used() -> int:
        return int(pynvml.nvmlDeviceGetMemoryInfo(gpu).used)

    for _ in range(2):  # the first time CUDA itself takes memory that stays
        before = used()
        session = open_session(make, BUCKETS, INPUTS)
        owner = session._owner
        del session
        owner.join()
    assert used() - before < 32 * 2**20


def test_attention_runs_by_the_flash_kernel(graph: Path) -> None:
    """The kernels' debug line goes to the process's own output, so it gets a process."""
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from tests.app.engine.backends.cuda.test_gpu import run_once\n"
        "run_once(Path(sys.argv[1]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(graph)],
        env={**os.environ, "ORT_ENABLE_ATTENTION_KERNEL_DEBUG_INFO": "1", "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "SdpaKernel=FLASH_ATTENTION" in done.stdout


def test_a_session_runs_on_our_stream(make: Callable[[bool], OnnxCudaDevice]) -> None:
    device = make(True)
    options = device._session.get_provider_options()[PROVIDER]
    assert options["has_user_compute_stream"] == "1"
    assert options["user_compute_stream"] == str(device._memory.stream)
    device.close()


def test_a_session_may_end_while_others_are_captured(
    make: Callable[[bool], OnnxCudaDevice],
) -> None:
    """Last, because ONNX Runtime ends the process if it frees a graph during a capture."""
    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(lambda: [open_session(make, BUCKETS, INPUTS) for _ in range(3)])
        while not loading.done():
            session = open_session(make, BUCKETS, INPUTS)
            owner = session._owner
            del session
            owner.join()
    assert all(one.execution == ("captured", None) for one in loading.result())


def run_once(graph: Path) -> None:
    from app.engine.backends.cuda.layout import lay_out
    from app.engine.backends.packing import measure, pack

    CudaBackend()
    device = OnnxCudaDevice(graph.read_bytes(), INPUTS, BUCKETS.limits, False)
    batch = check_batch(Extent(200, 9, 64), full=False)
    layout, words = lay_out(measure(batch), INPUTS), device.make_buffer()
    layout.write(pack(batch, INPUTS), words)
    assert np.isfinite(device.run(words, layout, EAGER)).all()
