"""A contest between ways to run one model: which is fastest on this machine, and why it serves."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

# (count, tokens) of the runs: six texts of 28 tokens on average. Warm-up has run these shapes.
SHAPES = [(1, 8), (1, 32), (4, 32)]
CONTEST_SECONDS = 2.0
MAX_ROUNDS = 12
# A faster contender wins only by more than noise explains, so that replicas choose alike.
NEARLY_AS_FAST = 0.9

Run = Callable[[int, int], object]


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to run a model, and how it fared.

    Attributes:
        runtime: backend and precision, as in "openvino bf16".
        texts_per_second: of one caller; None if it was refused.
        batch_invariant: whether its answers may share batches; None if it was refused.
        refused: why it may not serve; None if it may.
    """

    runtime: str
    texts_per_second: float | None = None
    batch_invariant: bool | None = None
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """Which contender serves, and why.

    Attributes:
        version: the version of the model that was loaded when this was measured.
    """

    runtime: str
    reason: str
    version: int
    contenders: tuple[Contender, ...]


def measure_speeds(
    runs: Mapping[str, Run],
    max_tokens: int,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Return texts a second of each way to run a model, which must be warm.

    They take turns on each shape, so noise meets all of them; of each shape the fastest time
    counts. There is one round at least, and no other that would end after CONTEST_SECONDS.

    Args:
        runs: by name, a function that runs `count` texts of `tokens` each.
        max_tokens: the most that the model reads.
    """
    best = {name: [math.inf] * len(SHAPES) for name in runs}
    started, rounds = clock(), 0
    while rounds == 0 or (
        rounds < MAX_ROUNDS and (clock() - started) * (rounds + 1) / rounds <= CONTEST_SECONDS
    ):
        for number, (count, tokens) in enumerate(SHAPES):
            for name, run in runs.items():
                before = clock()
                run(count, min(tokens, max_tokens))
                best[name][number] = min(best[name][number], clock() - before)
        rounds += 1
    texts = sum(count for count, _ in SHAPES)
    return {name: texts / max(sum(times), 1e-9) for name, times in best.items()}


def choose(contenders: Sequence[Contender], version: int) -> Choice:
    """Return the fastest contender, or one nearly as fast that is preferable.

    Preferable are those whose answers may share batches, then the earlier in the order given.

    Raises:
        ValueError: there is none that was measured.
    """
    speeds = {c.runtime: c.texts_per_second for c in contenders if c.texts_per_second is not None}
    fastest = max(speeds, key=lambda runtime: speeds[runtime])
    enough = NEARLY_AS_FAST * speeds[fastest]
    near = [c for c in contenders if speeds.get(c.runtime, 0.0) >= enough]
    chosen = min(near, key=lambda c: not c.batch_invariant).runtime  # of equals the first
    if len(speeds) == 1:
        reason = "the only one that answers the golden cases as the checkpoint does"
    elif chosen == fastest:
        reason = "the fastest of those that answer the golden cases as the checkpoint does"
    else:
        share = speeds[chosen] / speeds[fastest]
        reason = f"preferred to {fastest}, of whose speed it has {share:.0%}"
    return Choice(chosen, reason, version, tuple(contenders))


def describe(choice: Choice) -> str:
    """Return every contender with its speed, or why it was refused, for a log line."""
    return "; ".join(
        f"{c.runtime} refused: {c.refused}"
        if c.texts_per_second is None
        else f"{c.runtime} {c.texts_per_second:.0f} texts/s"
        for c in choice.contenders
    )
