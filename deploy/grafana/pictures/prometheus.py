"""Asks a Prometheus what a panel would, over a range of time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt

from deploy.grafana.reading import fill

Numbers = npt.NDArray[np.float64]
SCRAPE_SECONDS = 5
# As Grafana: a rate looks at four scrapes, so that one may be missed.
RATE_SECONDS = 4 * SCRAPE_SECONDS


@dataclass(frozen=True, slots=True)
class Series:
    """Values at the times of a range, NaN where there is none."""

    labels: Mapping[str, str]
    values: Numbers

    @property
    def last(self) -> float:
        known = self.values[~np.isnan(self.values)]
        return float(known[-1]) if len(known) else float("nan")


@dataclass(frozen=True, slots=True)
class Range:
    """Moments in seconds since 1970, from one to another, in steps."""

    start: float
    end: float
    step: float = SCRAPE_SECONDS

    @property
    def times(self) -> Numbers:
        return np.arange(self.start, self.end + self.step / 2, self.step)


class Prometheus:
    """A Prometheus and the range of time that is looked at."""

    def __init__(self, client: httpx.Client, span: Range) -> None:
        self._client = client
        self.span = span

    def over_time(self, expr: str) -> list[Series]:
        """Return the series of a query over the range."""
        span = self.span
        asked = {"query": self._fill(expr), "start": span.start, "end": span.end, "step": span.step}
        found = self._ask("/api/v1/query_range", asked)
        return [Series(one["metric"], self._place(one["values"])) for one in found]

    def now(self, expr: str) -> list[Series]:
        """Return the series of a query at the end of the range, in Prometheus's order."""
        found = self._ask("/api/v1/query", {"query": self._fill(expr), "time": self.span.end})
        return [Series(one["metric"], np.array([float(one["value"][1])])) for one in found]

    def _fill(self, expr: str) -> str:
        whole = round(self.span.end - self.span.start)
        return fill(expr, f"{RATE_SECONDS}s", f"{whole}s")

    def _place(self, pairs: list[tuple[float, str]]) -> Numbers:
        values = np.full(len(self.span.times), np.nan)
        for at, value in pairs:
            values[round((at - self.span.start) / self.span.step)] = float(value)
        return values

    def _ask(self, path: str, asked: Mapping[str, Any]) -> list[Any]:
        answer = self._client.post(path, data=asked)
        answer.raise_for_status()
        found: list[Any] = answer.json()["data"]["result"]
        return found
