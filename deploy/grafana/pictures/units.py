"""Writes values in Grafana's units."""

import math

_SECONDS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"), (1e-3, "ms"), (1e-6, "µs"))
_BYTES = ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"), (1, "B"))
_SUFFIXES = {"reqps": " req/s", "celsius": " °C"}
_OWN = "suffix:"


def write(value: float, unit: str) -> str:
    """Return a value with its unit, in three digits or so."""
    if not math.isfinite(value):
        return "-"
    if unit == "percentunit":
        return f"{_digits(100 * value)}%"
    if unit == "s":
        return _scaled(value, _SECONDS)
    if unit in ("bytes", "Bps"):
        return _scaled(value, _BYTES) + ("/s" if unit == "Bps" else "")
    suffix = unit.removeprefix(_OWN) if unit.startswith(_OWN) else _SUFFIXES.get(unit, "")
    if abs(value) >= 10_000:
        return f"{_digits(value / 1000)} K{suffix}"
    return _digits(value) + suffix


def write_tick(value: float, unit: str) -> str:
    """Return a value as an axis shows it, where there is no room for long units."""
    return write(value, "none" if unit.startswith(_OWN) else unit)


def size_of(value: float, unit: str) -> float:
    """Return what is written as 1 near a value: ticks are round in it."""
    scales = {"s": _SECONDS, "bytes": _BYTES, "Bps": _BYTES}.get(unit, ())
    return next((size for size, _ in scales if abs(value) >= size), 1.0)


def _scaled(value: float, scales: tuple[tuple[float, str], ...]) -> str:
    size, name = next((scale for scale in scales if abs(value) >= scale[0]), scales[-1])
    return f"{_digits(value / size)} {name}" if value else f"0 {scales[-1][1]}".replace("µs", "s")


def _digits(value: float) -> str:
    text = f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return "0" if text in ("-0", "0") else text
