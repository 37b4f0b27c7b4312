"""Simulates how often the alert on opinions fires for nothing: `python -m docs.false_alarms`.

Texts come as a Poisson process and each is negative by the same chance, so whatever fires is
false. The rules are evaluated every 30 s, as Prometheus does it: thousands of looks a day, each at
a window that shares most of its texts with the look before.
"""

import argparse
import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

RULES = Path(__file__).parents[1] / "docker/prometheus/rules/opinions.yml"
STEPS_PER_MINUTE = 2
WINDOW = 10 * STEPS_PER_MINUTE
BASELINE = 360 * STEPS_PER_MINUTE
DAY = 1440 * STEPS_PER_MINUTE
TEXTS_PER_MINUTE = (1, 3, 10, 30, 100, 1000)
SHARES = (0.02, 0.1, 0.3, 0.5, 0.7)

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the alert's expression asks for."""

    z: float
    rise: float
    negatives: float
    history: float

    @classmethod
    def of_rules(cls) -> Self:
        """Read those of the alert as shipped."""
        alert = RULES.read_text().partition("- alert:")[2]
        z, rise, negatives, history = re.findall(r" >=? ([\d.]+)$", alert, flags=re.MULTILINE)
        return cls(float(z), float(rise), float(negatives), float(history))


def traffic(
    texts_per_minute: float, share: float, steps: int, rng: np.random.Generator
) -> tuple[Counts, Counts]:
    """Return the texts of each step, and the negative ones among them."""
    texts = rng.poisson(texts_per_minute / STEPS_PER_MINUTE, steps)
    return texts, rng.binomial(texts, share)


def fires(texts: Counts, negative: Counts, bounds: Bounds) -> NDArray[np.bool_]:
    """Evaluate the alert at the end of each step; it is false before the first window is full."""
    at = np.arange(WINDOW, len(texts) + 1)
    first = np.maximum(0, at - WINDOW - BASELINE)
    (n1, n0), (x1, x0) = (
        (total[at] - total[at - WINDOW], total[at - WINDOW] - total[first])
        for total in (np.concatenate([[0], np.cumsum(counts)]) for counts in (texts, negative))
    )
    with np.errstate(divide="ignore", invalid="ignore"):  # no texts: NaN, which is over no bound
        rise, pooled = x1 / n1 - x0 / n0, (x1 + x0) / (n1 + n0)
        z = rise / np.sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n0))
        now = (z > bounds.z) & (rise >= bounds.rise)
    now &= (x1 >= bounds.negatives) & (n0 >= bounds.history)
    return np.concatenate([np.zeros(WINDOW - 1, bool), now])


def alarms(firing: NDArray[np.bool_]) -> int:
    """Return how often the alert began to fire."""
    return int(np.count_nonzero(firing[1:] & ~firing[:-1]) + firing[0])


def false_alarms(texts_per_minute: float, days: int, bounds: Bounds, seed: int = 0) -> int:
    """Return how often it fires for topics of each of SHARES, of so many days each."""
    rng = np.random.default_rng(seed)
    found = 0
    for share in SHARES:
        found += alarms(fires(*traffic(texts_per_minute, share, days * DAY, rng), bounds))
    return found


def main() -> None:
    """Print a table for docs/opinions.md: false alarms by volume and by the bound on z."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--days", type=int, default=1000, help="of each of the shares")
    days = parser.parse_args().days
    shipped = Bounds.of_rules()
    levels = (3.0, 4.0, shipped.z)
    titles = [f"z over {z:g}" for z in levels]
    sys.stdout.write(f"| Texts a minute | Topic-days | {' | '.join(titles)} |\n")
    sys.stdout.write(f"| --- | --- |{' --- |' * len(levels)}\n")
    for volume in TEXTS_PER_MINUTE:
        bounds = [replace(shipped, z=z) for z in levels]
        counts = [false_alarms(volume, days, one) for one in bounds]
        cells = " | ".join(str(count) for count in counts)
        sys.stdout.write(f"| {volume} | {days * len(SHARES)} | {cells} |\n")


if __name__ == "__main__":
    main()
