"""Command line: make the demo checkpoints."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from offline.command import DEBUG, run
from training.runtime import prepare

ENGLISH = ("sentiment", "topic", "intent", "ner")
NAMES = (*ENGLISH, "sentiment-zh", "ner-zh")


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    cli = argparse.ArgumentParser(
        prog="python -m demo", description="Fetch demo data and make the demo checkpoints from it."
    )
    names = f"{', '.join(NAMES)}; without a name the English ones"
    cli.add_argument("names", nargs="*", metavar="NAME", help=names)
    cli.add_argument("--out", type=Path, default=Path("build/checkpoints"), help="(%(default)s)")
    cli.add_argument("--cache", type=Path, default=Path("build/cache"), help="(%(default)s)")
    cli.add_argument(DEBUG, action="store_true", help="show an error's traceback")
    return cli


def command(names: Sequence[str], out: Path, cache: Path) -> None:
    """Make the named checkpoints in their order; raise OfflineError if one fails."""
    from demo.demo import make
    from demo.registry import DEMOS

    for name in names:
        make(DEMOS[name], out, cache)


def main(argv: Sequence[str] | None = None) -> int:
    """Parse, make the checkpoints, and return the exit code."""
    return run(_make, argv, report="the demo's name")


def _make(argv: Sequence[str]) -> int:
    cli = parser()
    arguments = cli.parse_args(argv)
    unknown = sorted(set(arguments.names) - set(NAMES))
    if unknown:
        cli.error(f"unknown demo {', '.join(unknown)}; there are {', '.join(NAMES)}")
    prepare()
    command(arguments.names or ENGLISH, arguments.out, arguments.cache)
    return 0


if __name__ == "__main__":
    sys.exit(main())
