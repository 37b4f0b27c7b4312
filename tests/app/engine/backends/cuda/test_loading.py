"""A bundle with a packed graph: which graph serves, how, and what is said of it."""

import json
import logging
from pathlib import Path

import pytest

from app.api.operations import _description
from app.bundle.bundle import open_bundle
from app.engine.backends.base import Execution
from app.engine.models.loader import load_servable
from app.engine.models.registry import LocalRegistry
from app.engine.text.encoding import TextInput
from app.telemetry.metrics import Metrics
from app.workers.engine.publisher import _pack
from app.workers.transport.frames import read_json_and_data
from tests.support.backends import FakeBackend
from tests.support.cuda import FakeCudaBackend, add_packed_graph

pytestmark = pytest.mark.anyio


@pytest.fixture
def mood(store: Path) -> Path:
    add_packed_graph(store / "mood" / "1")
    return store / "mood" / "1"


def test_a_packed_graph_serves_captured_and_answers_as_the_padded_one(mood: Path) -> None:
    servable = load_servable(mood, FakeCudaBackend(), None, callers=2)
    assert str(servable.runtime) == "CPUExecutionProvider fp16 packed"
    assert servable.runtime.execution == ("captured", None)
    padded = load_servable(mood, FakeBackend(), None)
    texts = [TextInput("good"), TextInput("a bad film and it was a great match " * 3)]
    windows = [servable.encode(text, "truncate", 1).windows[0] for text in texts]
    for rows, wanted in zip(servable.run(windows), padded.run(windows), strict=True):
        assert rows == pytest.approx(wanted, abs=1e-4)


def test_a_packed_graph_that_cannot_be_captured_serves_eagerly_and_says_why(mood: Path) -> None:
    servable = load_servable(mood, FakeCudaBackend(breaks_at=3), None)
    assert str(servable.runtime) == "CPUExecutionProvider fp16 packed"
    assert servable.runtime.execution.kind == "packed"
    assert "cannot be captured: operation not permitted" in (
        servable.runtime.execution.reason or ""
    )


def test_a_packed_graph_with_wrong_answers_makes_room_for_a_padded_one_that_says_why(
    mood: Path,
) -> None:
    backend = FakeCudaBackend(wrong=True)
    servable = load_servable(mood, backend, None)
    assert str(servable.runtime) == "CPUExecutionProvider fp32", "the bundle has no padded fp16"
    assert servable.runtime.execution.kind == "padded"
    reason = servable.runtime.execution.reason or ""
    assert reason.startswith("the fp16 packed graph was refused: the graph's logits")
    assert all(device.closed.wait(30) for device in backend.devices)


def test_where_there_is_no_packed_graph_or_it_is_not_wanted_that_is_the_reason(
    tiny_store: Path, mood: Path
) -> None:
    without = load_servable(tiny_store / "mood" / "1", FakeCudaBackend(), None)
    assert "the bundle has no fp16 packed graph; export" in (without.runtime.execution.reason or "")
    unwanted = load_servable(mood, FakeCudaBackend(), "fp32")
    assert "CLASSMARK_PRECISION leaves out" in (unwanted.runtime.execution.reason or "")


def test_where_no_graph_is_packed_padding_needs_no_reason(tiny_store: Path) -> None:
    servable = load_servable(tiny_store / "mood" / "1", FakeBackend(), None)
    assert servable.runtime.execution == ("padded", None)


async def test_log_metrics_and_model_list_tell_how_a_model_runs_and_why(
    mood: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    metrics = Metrics()
    registry = LocalRegistry(mood.parents[1], FakeCudaBackend(breaks_at=1), None, metrics, 2)
    await registry.scan()
    servable = registry.model("mood").servable
    assert servable is not None
    (line,) = (vars(r) for r in caplog.records if r.message == "version loaded" and _is_mood(r))
    assert line["execution"] == "packed"
    assert "cannot be captured" in line["not_better_because"]
    samples = [s for family in metrics.model_info.collect() for s in family.samples]
    assert {s.labels["model"]: s.labels["execution"] for s in samples}["mood"] == "packed"
    status = json.loads(_description(servable)["execution"].model_dump_json())  # type: ignore[attr-defined]
    assert status["kind"] == "packed"
    assert "cannot be captured" in status["reason"]


def test_front_ends_are_told_how_a_model_runs_and_why(mood: Path) -> None:
    servable = load_servable(mood, FakeCudaBackend(breaks_at=1), None)
    fields, _ = read_json_and_data(_pack(servable))
    assert Execution(*fields["runtime"]["execution"]) == servable.runtime.execution
    assert servable.runtime.execution.reason is not None


def test_the_manifest_with_a_packed_graph_is_valid(mood: Path) -> None:
    assert open_bundle(mood).manifest.packed is not None


def _is_mood(record: logging.LogRecord) -> bool:
    return vars(record)["model"] == "mood"
