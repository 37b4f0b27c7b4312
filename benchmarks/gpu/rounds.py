"""Runners in turn, round after round: a device's clock drifts, and all should feel it alike."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.gpu.runners import Runner, Unavailable, Work
from benchmarks.gpu.streams import Batch, Setting, make_batches

Clock = Callable[[], float]


@dataclass(slots=True)
class Prepared:
    """A runner with a stream's batches on the device.

    Attributes:
        texts: real ones in a pass over the batches.
        tried: texts/s of each setting that was tried once.
        rates: texts/s of each round, with the best setting.
    """

    runner: Runner
    setting: Setting
    works: list[Work]
    texts: int
    tried: dict[str, float] = field(default_factory=dict)
    rates: list[float] = field(default_factory=list)

    def measure(self, seconds: float, clock: Clock = time.perf_counter) -> float:
        """Return the texts a second over whole passes, for so long at least."""
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
        Unavailable: no setting runs; with the reason of the last.
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
    """Let all run in turn in each round; return each round's ceiling.

    Args:
        ceiling: measures what the device gives at most, in operations/s.
        told: hears of each round: its number from 0, and the texts/s by runner.
    """
    ceilings = []
    for number in range(rounds):
        ceilings.append(ceiling())
        # Each round starts with another, so that none always follows the same one.
        first = number % max(1, len(contenders))
        for one in (*contenders[first:], *contenders[:first]):
            one.rates.append(one.measure(seconds, clock))
        told(number, {one.runner.name: one.rates[-1] for one in contenders})
    return ceilings
