"""Stage `start`: does the packed graph run at all, and by which switches?

Each try runs in a process of its own, since a CUDA error can end or poison one. The first switches
by which graphs are captured hold for the rest of the run; else the first by which they run eagerly.
`python -m benchmarks.gpu.stages.start node|captured|eager DEVICE BUILD` is one try; `node` is a
product alone, which tells whether ONNX Runtime starts on the device at all.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort

from benchmarks.errors import BenchmarkError
from benchmarks.gpu.contenders import CAPTURED, EAGER, TORCH, open_contender
from benchmarks.gpu.device import describe_device
from benchmarks.gpu.plan import GpuPlan, make_plan
from benchmarks.gpu.results import Results
from benchmarks.gpu.subjects.bundles import TINY, open_made
from benchmarks.gpu.subjects.networks import NETWORKS
from benchmarks.gpu.subjects.streams import encode
from benchmarks.gpu.switches import COMBINATIONS, VARIABLE, apply
from benchmarks.session import say
from export.graphs.packed.writer import IR_VERSION, OPSET

LENGTHS = (5, 64, 1, 33, 96)
TOLERANCE = 0.05
TRY_SECONDS = 45
WAYS = {"captured": CAPTURED, "eager": EAGER}
TAIL = 1500
DEBUG = {"ORT_ENABLE_ATTENTION_KERNEL_DEBUG_INFO": "1"}


def measure(plan: GpuPlan, results: Results) -> None:
    with results.part("machine"):
        results.keep("machine", describe_device(plan.device))
        if plan.on_gpu:
            subprocess.run(["nvidia-smi"], stdout=sys.stderr, check=False)
    open_made(plan, TINY)  # waits until it is there, which is no try's time
    tries = [_try(plan, "node", "")]
    chosen: str | None = None
    for way in WAYS if plan.on_gpu else ("eager",):
        for switches in COMBINATIONS:
            if chosen is None:
                tries.append(_try(plan, way, switches))
                results.keep("start", {"tries": tries, "switches": None})
                if tries[-1]["ran"]:
                    chosen = switches
    results.keep("start", {"tries": tries, "switches": chosen})
    if chosen is None:
        raise BenchmarkError("no packed graph runs here; the tries say why")


def _try(plan: GpuPlan, way: str, switches: str) -> dict[str, object]:
    command = [sys.executable, "-m", "benchmarks.gpu.stages.start"]
    try:
        done = subprocess.run(
            [*command, way, plan.device, str(plan.build)],
            env=os.environ | DEBUG | {VARIABLE: switches},
            capture_output=True, text=True, check=False, timeout=TRY_SECONDS,
        )  # fmt: skip
        code, output = done.returncode, done.stdout + done.stderr
    except subprocess.TimeoutExpired as exc:
        code, output = -1, f"{exc.stderr!r}\nstill ran after {TRY_SECONDS} s"
    say(f"  {way}, switches {switches or 'none'}: {'runs' if code == 0 else output[-300:]}")
    return {"way": way, "switches": switches, "ran": code == 0, "output": output[-TAIL:]}


def multiply(device: str) -> None:
    """Run a graph of one product."""
    kind, shape = onnx.TensorProto.FLOAT16, (8, 8)
    names = [onnx.helper.make_tensor_value_info(name, kind, shape) for name in "xyz"]
    node = onnx.helper.make_node("MatMul", ["x", "y"], ["z"])
    graph = onnx.helper.make_graph([node], "product", names[:2], names[2:])
    opsets = [onnx.helper.make_opsetid("", OPSET)]
    model = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
    provider = "CUDAExecutionProvider" if device == "cuda" else "CPUExecutionProvider"
    ones = np.ones(shape, np.float16)
    session = ort.InferenceSession(
        model.SerializeToString(), providers=[provider], enable_fallback=0
    )
    (product,) = session.run(None, {"x": ones, "y": ones})
    say(f"{session.get_providers()}: {product[0, 0]}")
    if session.get_providers()[0] != provider or not (product == shape[0]).all():
        raise BenchmarkError(f"ONNX Runtime does not multiply by {provider}")


def run_once(way: str, device: str, build: Path) -> None:
    """Compare a batch's answers with torch's, and with those of its texts alone."""
    bundle, checkpoint = open_made(make_plan(device, build, build), TINY)
    texts = encode(LENGTHS, NETWORKS[TINY])
    session = open_contender(WAYS[way], bundle, checkpoint, device)
    wanted = open_contender(TORCH, bundle, checkpoint, device).run(texts)
    alone = [session.run((text,))[0] for text in texts]
    for _ in range(3):
        got = session.run(texts)
    for name, other in (("torch", wanted), ("alone", alone)):
        difference = float(np.abs(np.stack(got) - np.stack(other)).max())
        say(f"{session.execution}: logits differ by {difference:.5f} from {name}")
        if not difference <= TOLERANCE:
            raise BenchmarkError(f"more than {TOLERANCE} from {name}")


if __name__ == "__main__":
    apply()
    if sys.argv[1] == "node":
        multiply(sys.argv[2])
    else:
        run_once(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
