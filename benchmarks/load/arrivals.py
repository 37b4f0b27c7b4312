"""Due times of the requests of an open loop, independent of the server."""

import numpy as np

BURST = 16


def poisson(rate: float, seconds: float, seed: int) -> list[float]:
    """Return times in seconds from the start; independent users at `rate` requests a second."""
    random = np.random.default_rng(seed)
    times: list[float] = []
    at = random.exponential(1 / rate)
    while at < seconds:
        times.append(float(at))
        at += random.exponential(1 / rate)
    return times


def bursts(rate: float, seconds: float, seed: int, size: int = BURST) -> list[float]:
    """Return times at the same mean rate, `size` requests due at once."""
    return [at for at in poisson(rate / size, seconds, seed) for _ in range(size)]
