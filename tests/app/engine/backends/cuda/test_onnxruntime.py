"""The real device's code on a CPU: the same bindings by address, of a graph that a CPU can run."""

import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import numpy as np
import onnxruntime as ort
import pytest

from app.engine.backends.cuda import memory, onnxruntime
from app.engine.backends.cuda.backend import PaddedSession
from app.engine.backends.cuda.cudart import DEVICE_WIDE, CudaError, Cudart
from app.engine.backends.cuda.device import EAGER
from app.engine.backends.cuda.layout import lay_out, words_at_most
from app.engine.backends.cuda.onnxruntime import OnnxCudaDevice
from app.engine.backends.cuda.session import open_session
from app.engine.backends.onnxruntime import OnnxSession
from app.engine.backends.packing import Extent, measure, pack
from app.engine.text.encoding import Encoding, Logits
from app.errors import BundleError
from tests.support.cuda import BUCKETS, INPUTS, FakeDevice, name_text, read_texts
from tests.support.fakes import encoding

pytest.importorskip("onnx", reason="needs the extra export")


def make_graph() -> bytes:
    """Logits of a text: id, type and position of its first token, its length, its own place."""
    from onnx import TensorProto, helper

    shapes = {
        **dict.fromkeys(INPUTS[:3], (1, "tokens")),
        "cumulative_lengths": ("sequences+1",),
        "token_offset": ("sequences", "longest"),
    }
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT32, shape)
        for name, shape in shapes.items()
    ]
    constants = {"zero": [0], "one": [1], "end": [-1], "far": [2**31], "flat": [-1]}
    nodes = [
        helper.make_node("Slice", ["cumulative_lengths", "zero", "end"], ["starts"]),
        helper.make_node("Slice", ["cumulative_lengths", "one", "far"], ["ends"]),
        helper.make_node("Sub", ["ends", "starts"], ["length"]),
        helper.make_node("Gather", ["token_offset", "zero"], ["place"], axis=1),
    ]
    columns = []
    for name in INPUTS[:3]:
        nodes.append(helper.make_node("Reshape", [name, "flat"], [f"{name}_flat"]))
        nodes.append(helper.make_node("Gather", [f"{name}_flat", "starts"], [f"{name}_first"]))
        columns.append(f"{name}_first")
    for name in [*columns, "length"]:
        nodes.append(helper.make_node("Unsqueeze", [name, "one"], [f"{name}_column"]))
    joined = [*(f"{name}_column" for name in [*columns, "length"]), "place"]
    nodes.append(helper.make_node("Concat", joined, ["all"], axis=1))
    nodes.append(helper.make_node("Cast", ["all"], ["logits"], to=TensorProto.FLOAT))
    output = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ("sequences", 5))
    weights = [
        helper.make_tensor(name, TensorProto.INT64, [1], value) for name, value in constants.items()
    ]
    graph = helper.make_graph(nodes, "packed", inputs, [output], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
    model.ir_version = 9
    data: bytes = model.SerializeToString()
    return data


@pytest.fixture
def on_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (memory, onnxruntime):
        monkeypatch.setattr(module, "DEVICE", "cpu")
    monkeypatch.setattr(onnxruntime, "open_memory", memory.Memory)
    monkeypatch.setattr(onnxruntime, "PROVIDER", "CPUExecutionProvider")
    monkeypatch.setattr(onnxruntime, "SESSION_CONFIG", {})
    monkeypatch.setattr(onnxruntime, "_provider_options", lambda stream, captures: {})


def wanted(batch: list[Encoding]) -> list[list[int]]:
    return [[int(e.ids[0]), int(e.type_ids[0]), 0, e.tokens] for e in batch]


def rows_of(logits: list[Logits]) -> list[list[int]]:
    return [[int(value) for value in row[:4]] for row in logits]


@pytest.mark.usefixtures("on_cpu")
@pytest.mark.parametrize("captures", [False, True])
def test_inputs_and_logits_are_bound_where_they_lie_in_every_size(captures: bool) -> None:
    data, made = make_graph(), []

    def make(_: bool) -> OnnxCudaDevice:
        made.append(OnnxCudaDevice(data, INPUTS, BUCKETS.limits, captures))
        return made[-1]

    session = open_session(make, BUCKETS, INPUTS)
    assert session.execution == ("captured", None)
    batches = [[encoding(n + 1, 10 * n + k) for n in range(k)] for k in (1, 2, 5, 20)]
    for batch in [*batches, *reversed(batches)]:
        assert rows_of(session.run(batch)) == wanted(batch)
    (device,) = made
    assert len(device._captured) == (len(BUCKETS.extents) if captures else 0)


@pytest.mark.usefixtures("on_cpu")
def test_a_graph_that_is_none_or_reads_other_inputs_is_refused() -> None:
    with pytest.raises(BundleError, match="does not load the packed graph"):
        OnnxCudaDevice(b"no graph", INPUTS, BUCKETS.limits, False)
    with pytest.raises(BundleError, match="has the inputs .*token_type_ids.* the manifest says"):
        OnnxCudaDevice(make_graph(), INPUTS[2:], BUCKETS.limits, False)


@pytest.mark.skipif(
    "CUDAExecutionProvider" in ort.get_available_providers(), reason="CUDA is there"
)
@pytest.mark.filterwarnings("ignore:Specified provider")
def test_where_cuda_is_missing_the_graph_is_refused_with_a_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(onnxruntime, "open_memory", memory.Memory)
    with pytest.raises(BundleError):
        OnnxCudaDevice(make_graph(), INPUTS, BUCKETS.limits, False)


def test_where_the_driver_is_missing_the_graph_is_refused_with_a_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail() -> memory.Memory:
        raise CudaError("cudaStreamCreateWithFlags failed with 35: driver is insufficient")

    monkeypatch.setattr(onnxruntime, "open_memory", fail)
    with pytest.raises(BundleError, match="does not start here: .* 35: .*CLASSMARK_DEVICE=cpu"):
        OnnxCudaDevice(b"", INPUTS, BUCKETS.limits, False)


class CountingCudart:
    """Notes which threads may call CUDA while another captures a graph."""

    def __init__(self) -> None:
        self.relaxed: list[int] = []

    def relax_capture_mode(self) -> None:
        self.relaxed.append(threading.get_ident())

    def make_stream(self) -> int:
        assert threading.get_ident() in self.relaxed, "making a stream may be forbidden meanwhile"
        return 1


def captures_wait() -> bool:
    """Tell whether another thread would have to wait before it captures."""
    with ThreadPoolExecutor(1) as pool:
        free = pool.submit(DEVICE_WIDE.acquire, blocking=False).result()
        if free:
            pool.submit(DEVICE_WIDE.release).result()
    return not free


@pytest.mark.usefixtures("on_cpu")
def test_no_graph_is_captured_while_a_device_starts_first_runs_or_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: dict[str, list[bool]] = {"load": [], "run": [], "close": []}
    load, close = onnxruntime._load, memory.Memory.close

    class Session:
        def __init__(self, *args: Any) -> None:
            seen["load"].append(captures_wait())
            self._session = load(*args)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._session, name)

        def run_with_iobinding(self, *args: Any) -> None:
            seen["run"].append(captures_wait())
            self._session.run_with_iobinding(*args)

    def watched_close(self: memory.Memory) -> None:
        seen["close"].append(captures_wait())
        close(self)

    monkeypatch.setattr(onnxruntime, "_load", Session)
    monkeypatch.setattr(memory.Memory, "close", watched_close)
    device = OnnxCudaDevice(make_graph(), INPUTS, BUCKETS.limits, False)
    batch = [encoding(3, 5)]
    layout, words = lay_out(measure(batch), INPUTS), device.make_buffer()
    layout.write(pack(batch, INPUTS), words)
    for _ in range(3):
        device.run(words, layout, EAGER)
    device.close()
    assert seen == {"load": [True], "run": [True, False, False], "close": [True]}


def test_sizes_are_captured_one_at_a_time_in_a_process() -> None:
    waits = list[bool]()

    def answer(texts: Sequence[Encoding]) -> list[Logits]:
        waits.append(captures_wait())
        return name_text(texts)

    open_session(lambda captures: FakeDevice(answer, captures=captures), BUCKETS, INPUTS)
    compared_at_the_end = 2 * 2
    assert len(waits) > compared_at_the_end
    assert all(waits[:-compared_at_the_end])
    assert not captures_wait()


def test_every_thread_of_a_device_may_call_cuda_while_another_captures() -> None:
    cudart = CountingCudart()
    with ThreadPoolExecutor(1) as owner, ThreadPoolExecutor(1) as replacement:
        pinned = owner.submit(memory.PinnedMemory, cast(Cudart, cudart)).result()
        replacement.submit(pinned.enter_thread).result()
    assert len(set(cudart.relaxed)) == 2


def test_every_thread_that_runs_a_padded_graph_may_call_cuda_while_another_captures() -> None:
    cudart, ran = CountingCudart(), list[bool]()

    class Session:
        def run(self, encodings: Sequence[Encoding]) -> list[Logits]:
            assert threading.get_ident() in cudart.relaxed
            ran.append(captures_wait())
            return []

        def __del__(self) -> None:
            freed.append((threading.get_ident() in cudart.relaxed, captures_wait()))
            ended.set()

    freed, ended = list[tuple[bool, bool]](), threading.Event()
    session = PaddedSession(cast(OnnxSession, Session()), cast(Cudart, cudart))
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
        for pool in (one, other, one):
            pool.submit(session.run, []).result()
    assert ran == [True, True, False], "the first run on a thread makes what waits for the device"
    del session
    assert ended.wait(30)
    assert freed == [(True, True)]


def test_runs_of_a_padded_graph_take_turns() -> None:
    inside, ran = threading.Semaphore(1), threading.Barrier(2, timeout=30)

    class Session:
        def run(self, encodings: Sequence[Encoding]) -> list[Logits]:
            assert inside.acquire(blocking=False), "another run has not ended"
            os.sched_yield()
            inside.release()
            return []

    session = PaddedSession(cast(OnnxSession, Session()), None)

    def run_often() -> None:
        session.run([])
        ran.wait()
        for _ in range(2000):
            session.run([])

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(run_often) for _ in range(2)]:
            done.result()


def test_a_run_names_its_graph_and_a_session_its_stream() -> None:
    key = "gpu_graph_id"
    assert onnxruntime._options(EAGER).get_run_config_entry(key) == "-1"
    assert onnxruntime._options(7).get_run_config_entry(key) == "7"
    assert onnxruntime._provider_options(1234, True)["user_compute_stream"] == "1234"
    assert "user_compute_stream" not in onnxruntime._provider_options(None, False)
    assert onnxruntime._session_options().enable_mem_pattern is False


def test_texts_are_read_back_from_a_buffer_as_they_were_packed() -> None:
    """The fake device reads as this one does; else it would prove nothing."""
    batch, extent = [encoding(3, 5), encoding(4, 6)], Extent(32, 4, 32)
    layout = lay_out(extent, INPUTS)
    words = np.zeros(words_at_most(BUCKETS.limits, INPUTS), np.int32)
    layout.write(pack(batch, INPUTS, extent), words)
    assert [one.ids.tolist() for one in read_texts(words, layout)] == [[5] * 3, [6] * 4]
