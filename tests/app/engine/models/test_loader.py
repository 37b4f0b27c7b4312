"""Several backends: those that answer wrongly are out, of the others the fastest serves."""

import logging
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from app.engine.answers.decoding import Logits
from app.engine.backends.base import Backend
from app.engine.models import loader
from app.engine.models.loader import load_servable
from app.engine.models.warm_up import claim_memory
from app.engine.text.encoding import Encoding
from app.errors import BundleError, IncompleteBundle
from tests.support.backends import FakeBackend


@pytest.fixture
def contests(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Let `quick` win each contest; what competed is noted here."""
    held: list[list[str]] = []

    def measure(runs: Mapping[str, object], max_tokens: int) -> dict[str, float]:
        held.append(list(runs))
        return {name: 20.0 if "quick" in name else 10.0 for name in runs}

    monkeypatch.setattr(loader, "measure_speeds", measure)
    return held


@pytest.fixture
def mood(tiny_store: Path) -> Path:
    return tiny_store / "mood" / "1"


PLAIN, QUICK = FakeBackend("plain"), FakeBackend("quick")
WRONG = FakeBackend("wrong", wrong=["fp32"])


def test_the_fastest_that_answers_rightly_serves_and_says_why(
    mood: Path, contests: list[list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    servable = load_servable(mood, [PLAIN, WRONG, QUICK], None)
    assert contests == [["plain fp32", "quick fp32"]]
    assert servable.runtime == "quick fp32"
    assert servable.choice is not None
    wrong = servable.choice.contenders[-1]
    assert (wrong.runtime, wrong.texts_per_second) == ("wrong fp32", None)
    assert "golden case 0" in (wrong.refused or "")
    (line,) = [record for record in caplog.records if record.message == "runtime chosen"]
    assert "the fastest" in vars(line)["reason"]
    assert vars(line)["contenders"].startswith("plain fp32 10 texts/s; quick fp32 20 texts/s")


def test_the_contest_really_measures_what_competes(mood: Path) -> None:
    choice = load_servable(mood, [PLAIN, QUICK], None).choice
    assert choice is not None
    assert all((c.texts_per_second or 0.0) > 0.0 for c in choice.contenders)


def test_bf16_runs_the_fp32_graph_and_never_in_batches(mood: Path) -> None:
    half = FakeBackend("half", "bf16", "fp32", invariant=False)
    servable = load_servable(mood, [half], None)
    assert (servable.runtime, servable.graph.file) == ("half bf16", "model.fp32.onnx")
    assert not servable.batch_invariant
    assert load_servable(mood, [PLAIN], None).batch_invariant


def test_one_backend_serves_its_first_precision_that_answers_rightly_without_a_contest(
    mood: Path, contests: list[list[str]]
) -> None:
    backend = FakeBackend("only", "int8", "bf16", "fp32", "fp16", wrong=["bf16"])
    servable = load_servable(mood, [backend], None)
    assert (servable.runtime, servable.choice, contests) == ("only fp32", None, [])
    assert backend.loaded == ["bf16", "fp32"], "the bundle has no int8 graph"


def test_a_reload_takes_over_what_was_chosen_and_loads_nothing_else(
    tiny_store: Path, contests: list[list[str]]
) -> None:
    plain, quick = FakeBackend("plain"), FakeBackend("quick")
    first = load_servable(tiny_store / "mood" / "1", [plain, quick], None)
    second = load_servable(tiny_store / "mood" / "2", [plain, quick], None, first)
    assert len(contests) == 1
    assert (second.runtime, second.choice) == (first.runtime, first.choice)
    assert (plain.loaded, quick.loaded) == (["fp32"], ["fp32", "fp32"])


def test_another_network_competes_anew(tiny_store: Path, contests: list[list[str]]) -> None:
    first = load_servable(tiny_store / "mood" / "1", [PLAIN, QUICK], None)
    load_servable(tiny_store / "names" / "1", [PLAIN, QUICK], None, first)
    assert len(contests) == 2


def test_what_was_chosen_must_still_answer_rightly(
    tiny_store: Path, contests: list[list[str]]
) -> None:
    first = load_servable(tiny_store / "mood" / "1", [PLAIN, QUICK], None)
    spoilt = FakeBackend("quick", wrong=["fp32"])
    second = load_servable(tiny_store / "mood" / "2", [PLAIN, spoilt], None, first)
    assert second.runtime == "plain fp32"
    assert second.choice is not None
    assert "the only one" in second.choice.reason


@pytest.mark.parametrize("backends", [[WRONG], [WRONG, FakeBackend("bad", wrong=["fp32"])]])
def test_if_none_answers_rightly_the_bundle_is_refused(mood: Path, backends: list[Backend]) -> None:
    with pytest.raises(BundleError, match="golden case"):
        load_servable(mood, backends, None)


def test_a_wanted_precision_is_the_only_one_that_may_serve(mood: Path) -> None:
    both = FakeBackend("both", "fp32", "int8")
    with pytest.raises(BundleError, match="no int8 graph, only fp32"):
        load_servable(mood, [PLAIN, both], "int8")


def test_files_that_are_still_being_copied_end_the_contest(store: Path) -> None:
    (store / "mood" / "1" / "model.fp32.onnx").unlink()
    with pytest.raises(IncompleteBundle):
        load_servable(store / "mood" / "1", [PLAIN, QUICK], None)


def test_memory_for_the_longest_texts_is_claimed_by_all_callers_at_once(mood: Path) -> None:
    together, ran = threading.Barrier(3), []

    class Waiting:
        """Answers only when three callers have come."""

        def run(self, encodings: Sequence[Encoding]) -> list[Logits]:
            together.wait(10)
            ran.append([one.tokens for one in encodings])
            return []

    servable = load_servable(mood, [PLAIN], None)
    servable._session = Waiting()
    claim_memory(servable, 3)
    assert ran == [[servable.manifest.max_length]] * 3
