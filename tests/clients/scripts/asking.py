"""What every client's script shares: `SCRIPT URL KEY INPUTS [CASE...]` prints what each gave."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

URL, KEY = sys.argv[1:3]
INPUTS = json.loads(Path(sys.argv[3]).read_text("utf-8"))
SINGLE, SEVERAL, PAIR = INPUTS["single"], INPUTS["list"], INPUTS["pair"]
LONG = INPUTS["long"] * 40_000  # more than a body may have


def run(cases: dict[str, Callable[[], Any]]) -> None:
    """Print an object with the answer to each case, or the error as the client's user sees it."""
    answers = {}
    for name in sys.argv[4:] or cases:
        try:
            answers[name] = cases[name]()
        except Exception as exc:
            answers[name] = {"error": f"{type(exc).__name__}: {exc}"}
    sys.stdout.write(json.dumps(answers))
