"""Drives presidio-analyzer with the recognizer of docs/recipes."""

import sys
from pathlib import Path

from asking import INPUTS, URL, run

sys.path.insert(0, str(Path(__file__).parents[3] / "docs" / "recipes"))
from presidio_recognizer import make_analyzer

TEXTS = [INPUTS["single"], *INPUTS["list"]]


def ask(text: str, entities: list[str] | None = None) -> list[list[object]]:
    found = make_analyzer(URL, "names").analyze(text, language="en", entities=entities)
    return sorted([one.start, one.end, one.entity_type, one.score] for one in found)


run(
    {
        "entities": lambda: [ask(text) for text in TEXTS],
        "persons": lambda: [ask(text, ["PERSON"]) for text in TEXTS],
    }
)
