"""auto-labeling-pipeline, doccano's own: its custom REST request with docs/recipes."""

import json
import sys
from pathlib import Path

from auto_labeling_pipeline.labels import ClassificationLabels, SequenceLabels
from auto_labeling_pipeline.mappings import MappingTemplate
from auto_labeling_pipeline.models import RequestModelFactory
from auto_labeling_pipeline.pipeline import pipeline
from auto_labeling_pipeline.postprocessing import PostProcessor

RECIPES = Path(__file__).parents[3] / "docs" / "recipes"


def label(route: str, recipe: str, model: str, kind: type, text: str) -> list:
    body = json.loads((RECIPES / f"{recipe}.json").read_text()) | {"model": model}
    request = RequestModelFactory.create(
        "Custom REST Request",
        {"url": sys.argv[1] + route, "method": "POST", "params": {}, "headers": {}, "body": body},
    )
    template = MappingTemplate(kind, (RECIPES / f"{recipe}.jinja").read_text())
    return pipeline(text, request, template, PostProcessor({})).dict()


text = "angela merkel 👩‍👩‍👧 visited paris"
got = {
    "entities": label("/v1/ner", "doccano_entities", "names", SequenceLabels, text),
    "labels": label("/v1/classify", "doccano_label", "mood", ClassificationLabels, "a good film"),
}
print(json.dumps(got))  # noqa: T201
