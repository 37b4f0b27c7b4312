"""Run `classmark score`, or `python -m score`: an answer for every row of a file."""

import os
import sys
from collections.abc import Sequence

from offline.command import run
from score.options import BAD_ROWS, read_options


def main(arguments: Sequence[str] | None = None) -> int:
    """Score a file and return the exit code.

    Returns:
        0 done, 1 the run cannot go on, 2 bad options or input, 3 done and some rows have an error,
        70 an error that nobody foresaw, 130 stopped.
    """
    return run(_score, arguments, report="the command line and a few rows of the input")


def _score(given: list[str]) -> int:
    options = read_options(given)
    # Imported here: help and a wrong option are told at once.
    from app.python_tuning import tune
    from score.progress import ScoreProgress
    from score.run import score_file

    tune()
    errors = score_file(options, ScoreProgress())
    if errors:
        sys.stderr.write(
            f"{errors} rows have an `error` instead of an answer in {os.fspath(options.out)}\n"
        )
    return BAD_ROWS if errors else 0


if __name__ == "__main__":
    sys.argv[0] = "python -m score"  # as its usage calls it
    sys.exit(main())
