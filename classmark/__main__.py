"""Run `classmark VERB`: hand the rest of the command line on to the verb's own program.

Nothing is imported before the verb is known: help and a mistyped verb are answered at once.
"""

import difflib
import importlib
import importlib.util
import os
import sys
from dataclasses import dataclass
from pathlib import Path

BAD_USAGE = 2
STOPPED = 130
PIPE_CLOSED = 141  # 128 + SIGPIPE, as a shell reports a program that the signal ended


@dataclass(frozen=True, slots=True)
class Verb:
    """A program with a `main()` that reads sys.argv.

    Attributes:
        summary: what it does, for the help.
        needs: modules of its extra; without them it cannot run.
    """

    module: str
    summary: str
    extra: str = ""
    needs: tuple[str, ...] = ()


VERBS = {
    "serve": Verb("app.__main__", "answer over HTTP from a model store", "serve", ("onnxruntime",)),
    "export": Verb(
        "export.__main__",
        "turn a checkpoint into a verified bundle; list, inspect, verify, compare",
        "export",
        ("torch", "transformers", "optimum", "onnx", "rich"),
    ),
    "train": Verb(
        "training.__main__",
        "fine-tune a base encoder on labelled data",
        "train",
        ("torch", "transformers", "accelerate", "sklearn", "seqeval"),
    ),
    "score": Verb(
        "score.__main__",
        "answer for every row of a file",
        "score",
        ("pyarrow", "rich", "httpx"),
    ),
    "report": Verb(
        "report.__main__",
        "write the day's report, from what Prometheus recorded",
        "report",
        ("httpx", "jinja2", "matplotlib"),
    ),
    "keys": Verb("app.security", "make an API key"),
    "store": Verb(
        "classmark.store.command",
        "list what a model store holds, folder or bucket, and what is wrong; push, pin, unpin",
    ),
    "doctor": Verb("classmark.doctor", "say what this machine can do, and what to mend"),
}


def main() -> int:
    """Run a verb and return its exit code; 2 for a command line that names none."""
    given = sys.argv[1:]
    if given[:1] in (["-h"], ["--help"], ["help"]):
        sys.stdout.write(usage())
        return 0
    if given[:1] == ["--version"]:
        from importlib.metadata import version

        sys.stdout.write(f"classmark {version('classmark')}\n")
        return 0
    if not given or given[0] not in VERBS:
        sys.stderr.write(f"{_complaint(given[0])}\n" if given else usage())
        return BAD_USAGE
    verb = VERBS[given[0]]
    if not all(map(importlib.util.find_spec, verb.needs)):
        sys.stderr.write(f"{_lack(given[0], verb)}\n")
        return BAD_USAGE
    return run(given[0], given[1:])


def run(name: str, arguments: list[str]) -> int:
    """Run a verb as the program `classmark NAME`."""
    _leave_current_folder()
    sys.argv = [f"classmark {name}", *arguments]
    try:
        code = int(importlib.import_module(VERBS[name].module).main() or 0)
        sys.stdout.flush()
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")
        return STOPPED
    except BrokenPipeError:  # the reader, such as `head`, has what it wanted
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    return code


def usage() -> str:
    width = max(map(len, VERBS))
    lines = [f"  {name:<{width}}  {verb.summary}" for name, verb in VERBS.items()]
    return "\n".join(
        [
            "usage: classmark VERB [OPTIONS]",
            "       classmark VERB --help",
            "       classmark --version",
            "",
            *lines,
            "",
        ]
    )


def _complaint(given: str) -> str:
    near = difflib.get_close_matches(given, VERBS, 1)
    meant = f"did you mean {near[0]}?" if near else f"it is one of {', '.join(VERBS)}"
    return f"classmark: {given[:60]!r} is no verb; {meant}"


def _lack(name: str, verb: Verb) -> str:
    missing = ", ".join(one for one in verb.needs if importlib.util.find_spec(one) is None)
    return (
        f"classmark {name}: {missing} cannot be found; install the extra: "
        f"pip install 'classmark[{verb.extra}]'"
    )


def _leave_current_folder() -> None:
    """Keep a user's app.py or training/ from standing in for ours, here and in processes started.

    `python -m` puts the current folder first in the search path; the console script does not.
    """
    here = os.getcwd()
    if Path(__file__).parents[1] == Path(here):
        return
    if sys.path[0] in ("", here):
        del sys.path[0]
    os.environ["PYTHONSAFEPATH"] = "1"


if __name__ == "__main__":
    sys.exit(main())
