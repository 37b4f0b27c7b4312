"""Runs all runners in turn in every round, so that a drifting clock affects all alike."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.errors import Unavailable
from benchmarks.gpu.runners.base import Runner, Work
from benchmarks.gpu.subjects.streams import Batch, Setting, make_batches
from benchmarks.plan import rotate

Clock = Callable[[], float]


@dataclass(slots=True)
class Prepared:
    """A runner with the batches of a stream on the device.

    Attributes:
        texts: real ones in a pass over the batches.
        tried: texts/s of each setting, tried once.
        rates: texts/s of each round, with the best setting.
    """

    runner: Runner
    setting: Setting
    works: list[Work]
    texts: int
    tried: dict[str, float] = field(default_factory=dict)
    rates: list[float] = field(default_factory=list)

    def measure(self, seconds: float, clock: Clock = time.perf_counter) -> float:
        """Return the texts/s over whole passes, for at least these seconds."""
        passes = 0
        self.runner.synchronize()
        started = clock()
        while not passes or clock() - started < seconds:
            for work in self.works:
                work.run()
            self.runner.synchronize()
            passes += 1
        return passes * self.texts / (clock() - started)


def prepare_best(
    runner: Runner,
    texts: Batch,
    settings: Iterable[Setting],
    seconds: float,
    clock: Clock = time.perf_counter,
) -> Prepared:
    """Try every setting once and keep the best.

    Raises:
        Unavailable: no setting runs; the message is the last one's reason.
    """
    best, tried, reason = None, dict[str, float](), "no setting was tried"
    uniform = len({text.tokens for text in texts}) == 1
    for setting in settings:
        batches = make_batches(texts, setting, runner.layout)
        try:
            works = [runner.prepare(batch) for batch in batches]
        except Exception as exc:  # out of memory, a kernel that refuses a shape
            reason = f"{setting}: {type(exc).__name__}: {str(exc).strip()[:300]}"
            continue
        count = len(batches[0]) if uniform else len(texts)
        one = Prepared(runner, setting, works, count)
        tried[str(setting)] = one.measure(seconds, clock)
        if best is None or tried[str(setting)] > tried[str(best.setting)]:
            best = one
    if best is None:
        raise Unavailable(reason)
    best.tried = tried
    return best


def run_rounds(
    contenders: Sequence[Prepared],
    rounds: int,
    seconds: float,
    ceiling: Callable[[], float],
    told: Callable[[int, Mapping[str, float]], None] = lambda _, __: None,
    clock: Clock = time.perf_counter,
) -> list[float]:
    """Run all in turn in each round; return the ceiling of each round.

    Args:
        ceiling: measures the ceiling of the device, in operations/s.
        told: gets the number of each round, from 0, and the texts/s by runner.
    """
    ceilings = []
    for number in range(rounds):
        ceilings.append(ceiling())
        for one in rotate(contenders, number):
            one.rates.append(one.measure(seconds, clock))
        told(number, {one.runner.name: one.rates[-1] for one in contenders})
    return ceilings
