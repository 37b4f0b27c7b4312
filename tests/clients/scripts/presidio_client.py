"""Drives presidio-analyzer with the recognizer of docs/recipes."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from asking import INPUTS, KEY, LONG, SINGLE, URL, run
from presidio_analyzer import BatchAnalyzerEngine

sys.path.insert(0, str(Path(__file__).parents[3] / "docs" / "recipes"))
from presidio_recognizer import make_analyzer

TEXTS = [INPUTS["single"], *INPUTS["list"]]


def ask(text: str, model: str = "names", entities: list[str] | None = None) -> Any:
    analyzer = make_analyzer(URL, model, key=KEY)
    return shown(analyzer.analyze(text, language="en", entities=entities))


def ask_all(texts: list[str]) -> Any:
    engine = BatchAnalyzerEngine(make_analyzer(URL, "names", key=KEY))
    return [shown(found) for found in engine.analyze_iterator(texts, "en")]


def shown(found: Iterable[Any]) -> list[list[object]]:
    return sorted([one.start, one.end, one.entity_type, one.score] for one in found)


run(
    {
        "single": lambda: ask(SINGLE),
        "list": lambda: ask_all(TEXTS),
        "persons": lambda: [ask(text, entities=["PERSON"]) for text in TEXTS],
        "unknown": lambda: ask(SINGLE, "none"),
        "long": lambda: ask(LONG),
    }
)
