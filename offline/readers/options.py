"""The options of a command that say how its data files are read."""

import argparse
from dataclasses import fields
from typing import Any, get_args

from offline.readers.layout import Layout, OnBadRow, OnBadSpan
from offline.readers.lines import OnBadBytes

_COLUMNS = ("text", "label", "text_pair")


def add_layout_options(parser: argparse.ArgumentParser, *, tags: bool = False) -> None:
    """Add the options; `tags`: also what becomes of spans that tags cannot say."""
    defaults = Layout()
    group = parser.add_argument_group("how data files are read")

    def column(name: str, help_text: str) -> None:
        group.add_argument(name, metavar="NAME", help=help_text)

    def choice(name: str, choices: tuple[str, ...], default: str, help_text: str) -> None:
        group.add_argument(
            name, choices=choices, default=default, help=f"{help_text} (%(default)s)"
        )

    column("--text-column", "column of the texts, or of their words (text)")
    column("--label-column", "column of the labels (label), spans or tags (spans)")
    column("--text-pair-column", "column of the second texts (text_pair)")
    group.add_argument(
        "--encoding",
        type=_encoding,
        default=defaults.encoding,
        help="of text files, as Python names it (%(default)s)",
    )
    choice(
        "--on-bad-bytes",
        get_args(OnBadBytes),
        defaults.on_bad_bytes,
        "what is not of that encoding: refuse the file, or put U+FFFD in its place",
    )
    choice(
        "--on-bad-row",
        get_args(OnBadRow),
        defaults.on_bad_row,
        "a row that cannot be used: refuse the file, or leave the row out",
    )
    if tags:
        choice(
            "--on-bad-span",
            get_args(OnBadSpan),
            defaults.on_bad_span,
            "an entity that cuts a word or overlaps another: refuse the file, move it to the "
            "word's edges and keep the longer one, or leave its text out",
        )


def layout_of(arguments: argparse.Namespace) -> Layout:
    """Return what the options say."""
    given = vars(arguments)
    values: dict[str, Any] = {name: given[f"{name}_column"] for name in _COLUMNS}
    names = [field.name for field in fields(Layout) if field.name not in _COLUMNS]
    return Layout(**values, **{name: given[name] for name in names if name in given})


def _encoding(name: str) -> str:
    try:
        b"a".decode(name, "replace")
    except (LookupError, ValueError) as exc:
        problem = f"Python knows no encoding {name!r} of texts; it knows utf-8, cp1252, gb18030"
        raise argparse.ArgumentTypeError(problem) from exc
    return name
