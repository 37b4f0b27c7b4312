"""Drives auto-labeling-pipeline, which is doccano's, with its requests of docs/recipes."""

import json
from pathlib import Path
from typing import Any

from asking import INPUTS, KEY, LONG, PAIR, SINGLE, URL, run
from auto_labeling_pipeline.labels import ClassificationLabels, SequenceLabels
from auto_labeling_pipeline.mappings import MappingTemplate
from auto_labeling_pipeline.models import RequestModelFactory
from auto_labeling_pipeline.pipeline import pipeline
from auto_labeling_pipeline.postprocessing import PostProcessor

RECIPES = Path(__file__).parents[3] / "docs" / "recipes"
TEXTS = [INPUTS["single"], *INPUTS["list"]]
HEADERS = {"Authorization": f"Bearer {KEY}"}
FIXED_SECOND = {"inputs": {"text": "{{ text }}", "text_pair": PAIR["text_pair"]}}


def ask(text: str, route: str, recipe: str, kind: type, **fields: object) -> Any:
    body = json.loads((RECIPES / f"{recipe}.json").read_text()) | fields
    request = RequestModelFactory.create(
        "Custom REST Request",
        {"url": URL + route, "method": "POST", "params": {}, "headers": HEADERS, "body": body},
    )
    template = MappingTemplate(kind, (RECIPES / f"{recipe}.jinja").read_text())
    return pipeline(text, request, template, PostProcessor({})).dict()


def entities(text: str, model: str = "names") -> Any:
    return ask(text, "/v1/ner", "doccano_entities", SequenceLabels, model=model)


def label(text: str, **fields: object) -> Any:
    fields = {"model": "mood"} | fields
    return ask(text, "/v1/classify", "doccano_label", ClassificationLabels, **fields)


run(
    {
        "single": lambda: entities(SINGLE),
        "entities": lambda: [entities(text) for text in TEXTS],
        "labels": lambda: [label(text) for text in TEXTS],
        "pair": lambda: label(PAIR["text"], **FIXED_SECOND),
        "unknown": lambda: entities(SINGLE, "none"),
        "long": lambda: entities(LONG),
    }
)
