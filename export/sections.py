"""Sections of a page that a command writes, between two marks; the rest is by hand."""

from pathlib import Path

from export.errors import ExportError


def marks(name: str) -> tuple[str, str]:
    """Return the lines around the section of this name, e.g. `support table`."""
    return (
        f"<!-- {name}: begin; written by the command below, not by hand -->",
        f"<!-- {name}: end -->",
    )


def write_section(path: Path, name: str, section: str) -> None:
    """Write the section, or put it in the place of the one that a page already has.

    Raises:
        ExportError: the page exists and has no place for the section, or cannot be written.
    """
    begin, end = marks(name)
    try:
        page = path.read_text(encoding="utf-8") if path.exists() else f"# Models\n\n{begin}{end}\n"
        before, begun, rest = page.partition(begin)
        _, ended, after = rest.partition(end)
        if not (begun and ended):
            raise ExportError(
                f"{path} holds no {name} to replace: add the lines {begin!r} and {end!r}, "
                "or choose another --out"
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{before}{begin}\n{section}{end}{after}", encoding="utf-8")
    except OSError as exc:
        raise ExportError(
            f"{path} cannot be written: {exc.strerror}; choose another --out"
        ) from exc
