"""Commands as the docs print them."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def commands_of(page: str) -> list[str]:
    """Return every line of a page's shell blocks, continued lines joined."""
    blocks = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    return [line for block in blocks for line in block.replace("\\\n", " ").strip().splitlines()]


def unknown_options(command: str) -> list[str]:
    """Return the options of a `classmark VERB ...` that the help of its verb lacks."""
    _, verb, *arguments = shlex.split(command)
    done = subprocess.run(
        [sys.executable, "-m", "classmark", verb, "--help"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [one for one in arguments if one.startswith("--") and one not in done.stdout]
