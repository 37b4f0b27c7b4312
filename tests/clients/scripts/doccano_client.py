"""Drives auto-labeling-pipeline, which is doccano's, with its requests of docs/recipes."""

import json
from pathlib import Path
from typing import Any

from asking import INPUTS, URL, run
from auto_labeling_pipeline.labels import ClassificationLabels, SequenceLabels
from auto_labeling_pipeline.mappings import MappingTemplate
from auto_labeling_pipeline.models import RequestModelFactory
from auto_labeling_pipeline.pipeline import pipeline
from auto_labeling_pipeline.postprocessing import PostProcessor

RECIPES = Path(__file__).parents[3] / "docs" / "recipes"
TEXTS = [INPUTS["single"], *INPUTS["list"]]


def ask(route: str, recipe: str, model: str, kind: type, text: str) -> Any:
    body = json.loads((RECIPES / f"{recipe}.json").read_text()) | {"model": model}
    request = RequestModelFactory.create(
        "Custom REST Request",
        {"url": URL + route, "method": "POST", "params": {}, "headers": {}, "body": body},
    )
    template = MappingTemplate(kind, (RECIPES / f"{recipe}.jinja").read_text())
    return pipeline(text, request, template, PostProcessor({})).dict()


def entities(text: str) -> Any:
    return ask("/v1/ner", "doccano_entities", "names", SequenceLabels, text)


def label(text: str) -> Any:
    return ask("/v1/classify", "doccano_label", "mood", ClassificationLabels, text)


run(
    {
        "entities": lambda: [entities(text) for text in TEXTS],
        "labels": lambda: [label(text) for text in TEXTS],
    }
)
