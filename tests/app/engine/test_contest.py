"""The contest: the fastest wins, within its time, and it is said why."""

import pytest

from app.engine.contest import (
    CONTEST_SECONDS,
    SHAPES,
    Contender,
    Run,
    choose,
    describe,
    measure_speeds,
)
from tests.support.fakes import FakeClock


def takes(clock: FakeClock, per_token: float, slow_runs: int = 0) -> Run:
    """Make a run that takes so many seconds a token, and 0.1 s more the first few times."""
    left = [slow_runs]

    def run(count: int, tokens: int) -> None:
        clock.now += count * tokens * per_token + (0.1 if left[0] > 0 else 0.0)
        left[0] -= 1

    return run


def contender(runtime: str, speed: float, *, invariant: bool = True) -> Contender:
    return Contender(runtime, speed, invariant)


def test_speeds_are_texts_a_second_and_noise_of_one_round_is_ignored() -> None:
    clock = FakeClock()
    runs = {"slow": takes(clock, 2e-5), "fast": takes(clock, 1e-5, slow_runs=1)}
    speeds = measure_speeds(runs, 512, clock)
    assert speeds["slow"] == pytest.approx(6 / (168 * 2e-5))
    assert speeds["fast"] == pytest.approx(2 * speeds["slow"])


def test_runs_are_no_longer_than_what_the_model_reads() -> None:
    met: list[tuple[int, int]] = []
    measure_speeds({"only": lambda count, tokens: met.append((count, tokens))}, 16)
    assert set(met) == {(count, min(tokens, 16)) for count, tokens in SHAPES}


@pytest.mark.parametrize("per_token", [1e-6, 1e-3, 3e-3, 1e-1])
def test_the_contest_keeps_its_time_unless_a_single_round_takes_longer(per_token: float) -> None:
    clock = FakeClock()
    started, one_round = clock.now, 2 * 168 * per_token
    measure_speeds({"a": takes(clock, per_token), "b": takes(clock, per_token)}, 512, clock)
    assert clock.now - started <= max(CONTEST_SECONDS, one_round) + 1e-9


def test_the_fastest_is_chosen_and_refused_ones_are_remembered() -> None:
    contenders = [
        contender("onnxruntime int8", 210.0),
        contender("openvino bf16", 300.0, invariant=False),
        Contender("openvino fp32", refused="golden case 1 differs"),
    ]
    choice = choose(contenders, version=7)
    assert (choice.runtime, choice.version) == ("openvino bf16", 7)
    assert choice.reason.startswith("the fastest")
    assert describe(choice) == (
        "onnxruntime int8 210 texts/s; openvino bf16 300 texts/s; "
        "openvino fp32 refused: golden case 1 differs"
    )


def test_a_preferred_one_gives_way_only_to_a_clearly_faster_one() -> None:
    assert choose([contender("a", 95.0), contender("b", 100.0)], 1).runtime == "a"
    assert choose([contender("a", 85.0), contender("b", 100.0)], 1).runtime == "b"


def test_of_equally_fast_ones_that_whose_answers_may_share_batches_is_chosen() -> None:
    choice = choose([contender("bf16", 100.0, invariant=False), contender("fp32", 92.0)], 1)
    assert choice.runtime == "fp32"
    assert choice.reason == "preferred to bf16, of whose speed it has 92%"


def test_the_only_one_left_is_chosen_for_that_reason() -> None:
    choice = choose([contender("a", 10.0), Contender("b", refused="golden case 1")], 1)
    assert "the only one" in choice.reason
