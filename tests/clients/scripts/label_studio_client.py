"""Checks a project's predictions with label-studio-sdk, by its own configuration."""

from typing import Any

import requests
from asking import INPUTS, KEY, LONG, SINGLE, URL, run
from label_studio_sdk.label_interface import LabelInterface
from label_studio_sdk.label_interface.objects import PredictionValue

NER = """<View><Labels name="ner" toName="text"><Label value="PER"/><Label value="LOC"/></Labels>
<Text name="text" value="$text"/></View>"""
MOOD = """<View><Text name="text" value="$text"/><Choices name="mood" toName="text">
<Choice value="Negative"/><Choice value="Neutral"/><Choice value="Positive"/></Choices></View>"""
TEXTS = [INPUTS["single"], "", *INPUTS["list"]]
LONG_PROJECT = [LONG] * 20  # more than a project may have: 32 MiB


def ask(texts: list[str], model: str = "names", config: str = NER) -> list[Any]:
    interface = LabelInterface(config)
    interface.validate()
    tasks = [{"id": i, "data": {"text": text}} for i, text in enumerate(texts)]
    body = {"tasks": tasks, "label_config": config, "project": "1.1"}
    address = f"{URL}/label-studio/{model}/predict"
    answer = requests.post(address, json=body, auth=("any", KEY), timeout=60)
    answer.raise_for_status()
    predictions = answer.json()["results"]
    for one in predictions:
        if errors := interface.validate_prediction(one, return_errors=True):
            raise ValueError(errors)
    return [[region["value"] for region in PredictionValue(**one).result] for one in predictions]


run(
    {
        "single": lambda: ask([SINGLE]),
        "entities": lambda: ask(TEXTS),
        "labels": lambda: ask(TEXTS, "mood", MOOD),
        "unknown": lambda: ask([SINGLE], "none"),
        "long": lambda: ask(LONG_PROJECT),
    }
)
