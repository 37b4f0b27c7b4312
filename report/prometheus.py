"""Asks Prometheus's HTTP API; what goes wrong says what to do."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from report.errors import ReportError
from report.options import Span

SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Series:
    """Values at moments, in seconds since the epoch; NaN where there was none."""

    labels: Mapping[str, str]
    times: list[float]
    values: list[float]


class PrometheusApi:
    """The queries of one span.

    Args:
        tell: called before each query, which may take its time.
    """

    def __init__(self, client: httpx.Client, span: Span, tell: Callable[[], None]) -> None:
        self._client = client
        self._span = span
        self._tell = tell

    def at_end(self, expression: str) -> list[tuple[Mapping[str, str], float]]:
        """Evaluate at the span's end; return labels and value of each series."""
        data = self._ask("query", query=expression, time=self._span.end.timestamp())
        return [(one["metric"], float(one["value"][1])) for one in data]

    def number(self, expression: str) -> float:
        """Return the value of a query for one series, NaN where nothing was recorded."""
        found = self.at_end(expression)
        return found[0][1] if found else math.nan

    def samples(self, selector: str) -> list[Series]:
        """Return the samples of the whole span as they were recorded."""
        expression = f"{selector}[{self._span.seconds}s]"
        data = self._ask("query", query=expression, time=self._span.end.timestamp())
        return [
            Series(
                one["metric"],
                [float(at) for at, _ in one["values"]],
                [float(value) for _, value in one["values"]],
            )
            for one in data
        ]

    def curves(self, expression: str) -> list[Series]:
        """Evaluate at every step of the span."""
        span = self._span
        first, last = span.start.timestamp(), span.end.timestamp()
        data = self._ask("query_range", query=expression, start=first, end=last, step=span.step)
        times = [first + n * span.step for n in range(1 + int((last - first) // span.step))]
        return [Series(one["metric"], times, _on(times, one["values"])) for one in data]

    def _ask(self, path: str, **parameters: Any) -> list[dict[str, Any]]:
        self._tell()
        address = self._client.base_url.copy_with(username=None, password=None)
        try:
            answer = self._client.post(f"/api/v1/{path}", data=parameters)
        except httpx.TimeoutException as exc:
            raise ReportError(
                f"Prometheus at {address} took over {SECONDS:.0f} s for a query; ask for fewer "
                "--hours"
            ) from exc
        except httpx.TransportError as exc:
            raise ReportError(
                f"no Prometheus at {address} ({exc}); start it, or give its address with "
                "--prometheus"
            ) from exc
        return _result(answer, str(address))


def _result(answer: httpx.Response, address: str) -> list[dict[str, Any]]:
    try:
        body = answer.json()
        if body["status"] == "success":
            result: list[dict[str, Any]] = body["data"]["result"]
            return result
        told = f"Prometheus at {address} refused a query: {body['error']}"
    except (ValueError, KeyError, TypeError):
        told = (
            f"{address} is no Prometheus: its /api/v1 answered {answer.status_code} without a "
            "result; give the address under which Prometheus's own page opens"
        )
    raise ReportError(told)


def _on(times: list[float], values: list[list[Any]]) -> list[float]:
    """Put values on all times, NaN where one is missing, so that a curve has a gap there."""
    known = {round(float(at), 3): float(value) for at, value in values}
    return [known.get(round(at, 3), math.nan) for at in times]
