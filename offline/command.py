"""The end of a command: what it finds wrong is one line, also what nobody foresaw."""

import sys
from collections.abc import Callable, Sequence

from offline.errors import OfflineError

# Shows the traceback of an error instead of a line.
DEBUG = "--debug"
UNFORESEEN = 70
STOPPED = 130
# Characters of a library's own message.
SHOWN = 300


def foreseen(exc: BaseException) -> int | None:
    """Return the exit code of an error whose message explains it, None for any other."""
    return exc.exit_code if isinstance(exc, OfflineError) else None


def run(
    command: Callable[[list[str]], int],
    arguments: Sequence[str] | None,
    *,
    report: str,
    exit_code: Callable[[BaseException], int | None] = foreseen,
) -> int:
    """Run a command and return its exit code; an error becomes one line on stderr.

    Args:
        arguments: those of the command line if None.
        report: what a report of an unforeseen error should come with.
        exit_code: tells the errors that explain themselves, as `foreseen` does.

    Returns:
        The command's own, 70 for an error that nobody foresaw, 130 if it was stopped.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return command([one for one in given if one != DEBUG])
    except (SystemExit, GeneratorExit):
        raise
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")
        return STOPPED
    except BaseException as exc:  # a panic of a native library is no Exception
        if DEBUG in given:
            raise
        code = exit_code(exc)
        message = _describe(exc, report) if code is None else str(exc)
        sys.stderr.write(f"error: {message}\n")
        return UNFORESEEN if code is None else code


def _describe(exc: BaseException, report: str) -> str:
    first = (str(exc).strip().splitlines() or ["no message"])[0]
    brief = first if len(first) <= SHOWN else f"{first[:SHOWN]}…"
    return (
        f"{type(exc).__name__}: {brief}; nobody foresaw this: please report it with {report} and "
        f"what {DEBUG} shows"
    )
