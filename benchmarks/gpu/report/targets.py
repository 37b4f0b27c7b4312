"""Checks the figures against the targets; each target is a line of the check list."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.gpu.runners.lineup import CAPTURED, COMPILED, PACKED, PADDED, TORCH
from benchmarks.report.statistics import median_ratio

BASE = "bert-base"
MIXED, AT_128 = "mixed", "128"


@dataclass(frozen=True, slots=True)
class Check:
    """One target with its figure.

    Attributes:
        holds: None if nothing was measured.
    """

    target: str
    found: str
    holds: bool | None

    @property
    def verdict(self) -> str:
        return {True: "holds", False: "short", None: "not measured"}[self.holds]


def check_all(results: dict[str, Any]) -> list[Check]:
    """Return every target with its figure, in a fixed order."""
    engine = results.get("engine", {}).get(BASE, {}).get("streams", {})
    http = results.get("http", {}).get(BASE, {})
    return [_parity(results), *_engine(engine), *_http(http), _reload(results)]


def _parity(results: dict[str, Any]) -> Check:
    rows = [row for row in results.get("parity", {}).get("rows", []) if row["held"] is not None]
    target = "packed fp16 gives the checkpoint's label for 99.9 %, scores within 0.005"
    if not rows:
        return _unmeasured(target)
    agreement = min(row["agreement"] for row in rows)
    difference = max(row["difference"] for row in rows)
    found = f"at worst {agreement:.2%}, {difference:.4f}"
    return Check(target, found, all(row["held"] for row in rows))


def _engine(streams: dict[str, Any]) -> Iterator[Check]:
    packed = best_packed(streams, MIXED)
    yield _ratio(
        "packed >= 2x ONNX Runtime's padded fp16, mixed lengths",
        packed, rates(streams, MIXED, PADDED), 2.0,
    )  # fmt: skip
    rivals = [r for name in (TORCH, COMPILED) if (r := rates(streams, MIXED, name))]
    yield _ratio(
        "packed >= 1.3x the better torch, mixed lengths",
        packed, max(rivals, key=median, default=[]), 1.3,
    )  # fmt: skip
    target = "packed >= 14,000 texts/s at 128 tokens"
    if ours := best_packed(streams, AT_128):
        yield Check(target, f"{median(ours):,.0f} texts/s", median(ours) >= 14_000)
    else:
        yield _unmeasured(target)


def _http(http: dict[str, Any]) -> Iterator[Check]:
    batches = by_setting(http, 32)
    engine = median(http["engine"]) if http else 0.0
    yield _best(
        "HTTP, 32 texts a request: >= 80 % of the engine alone",
        {workers: median(r["texts_per_second"] for r in rows) / engine
         for workers, rows in batches.items()},
        lambda value: value >= 0.8, "{:.0%}",
    )  # fmt: skip
    ones = {workers: rows for workers, rows in by_setting(http, 1).items() if workers > 1}
    found = {w: median(r["requests_per_second"] for r in rows) for w, rows in ones.items()}
    yield _best(
        "HTTP, one text a request, several front ends: >= 10,000 requests/s",
        found, lambda value: value >= 10_000, "{:,.0f} requests/s",
    )  # fmt: skip
    best = max(found, key=lambda workers: found[workers], default=0)
    late = {best: median(row["open_p99"] * 1e3 for row in ones[best])} if found else {}
    yield _best("its p99 at 70 % of that <= 25 ms", late, lambda value: value <= 25, "{:.1f} ms")
    alone = {int(w): seconds * 1e3 for w, seconds in http.get("alone", {}).items()}
    least = min(alone, key=lambda workers: alone[workers], default=0)
    yield _best(
        "HTTP, one text of one client alone <= 2.0 ms",
        {least: alone[least]} if alone else {}, lambda value: value <= 2.0, "{:.2f} ms",
    )  # fmt: skip


def _reload(results: dict[str, Any]) -> Check:
    target = "reload under load: no request fails, the memory comes back"
    found = [one["reload"] for one in results.get("http", {}).values() if one.get("reload")]
    if not found:
        return _unmeasured(target)
    failed = sum(one["failed"] for one in found)
    words = [f"{failed} of {sum(one['requests'] for one in found):,} failed"]
    late = sum(not one["swapped_in_time"] for one in found)
    words += ["the load ended before the last version was loaded"] * (late > 0)
    grown = [
        one["memory_after"] - one["memory_before"]
        for one in found
        if one["memory_after"] is not None
    ]
    words += [f"memory {max(grown) / 1e6:+.0f} MB" if grown else "memory not measured"]
    back = all(g <= one["memory_slack"] for g, one in zip(grown, found, strict=False))
    good = failed == 0 and not late and back
    return Check(target, "; ".join(words), good if grown or not good else None)


def rates(streams: dict[str, Any], stream: str, runner: str) -> list[float]:
    """Return a runner's texts/s on a stream, empty if it did not run."""
    found: dict[str, Any] = streams.get(stream, {}).get("runners", {})
    return list(found.get(runner, {}).get("rates", []))


def best_packed(streams: dict[str, Any], stream: str) -> list[float]:
    """Return the texts/s of the faster way to run the packed graph."""
    found = [r for name in (CAPTURED, PACKED) if (r := rates(streams, stream, name))]
    return max(found, key=median, default=[])


def by_setting(http: dict[str, Any], texts_each: int) -> dict[int, list[dict[str, Any]]]:
    """Return the rows with this number of texts in a request, by the number of front ends."""
    rows: dict[int, list[dict[str, Any]]] = {}
    for row in http.get("rows", []):
        if row["texts_each"] == texts_each:
            rows.setdefault(row["workers"], []).append(row)
    return rows


def _ratio(target: str, ours: Sequence[float], theirs: Sequence[float], least: float) -> Check:
    if not ours or not theirs:
        return _unmeasured(target)
    ratio = median_ratio(ours, theirs)
    return Check(target, f"{ratio:.2f}x", ratio >= least)


def _best(target: str, found: dict[int, float], holds: Callable[[float], bool], form: str) -> Check:
    """Return the target with the best figure of all numbers of front ends."""
    if not found:
        return _unmeasured(target)
    workers = max(found, key=lambda one: found[one])
    text = f"{form.format(found[workers])} with {workers} front ends"
    return Check(target, text, holds(found[workers]))


def _unmeasured(target: str) -> Check:
    return Check(target, "", None)
