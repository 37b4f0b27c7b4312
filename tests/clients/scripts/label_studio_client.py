"""Checks a project's predictions with label-studio-sdk, by its own configuration."""

from typing import Any

import requests
from asking import INPUTS, URL, run
from label_studio_sdk.label_interface import LabelInterface
from label_studio_sdk.label_interface.objects import PredictionValue

NER = """<View><Labels name="ner" toName="text"><Label value="PER"/><Label value="LOC"/></Labels>
<Text name="text" value="$text"/></View>"""
MOOD = """<View><Text name="text" value="$text"/><Choices name="mood" toName="text">
<Choice value="Negative"/><Choice value="Neutral"/><Choice value="Positive"/></Choices></View>"""
TEXTS = [INPUTS["single"], "", *INPUTS["list"]]


def ask(model: str, config: str) -> list[Any]:
    interface = LabelInterface(config)
    interface.validate()
    tasks = [{"id": i, "data": {"text": text}} for i, text in enumerate(TEXTS)]
    body = {"tasks": tasks, "label_config": config, "project": "1.1"}
    answer = requests.post(f"{URL}/label-studio/{model}/predict", json=body, timeout=60)
    answer.raise_for_status()
    predictions = answer.json()["results"]
    for one in predictions:
        if errors := interface.validate_prediction(one, return_errors=True):
            raise ValueError(errors)
    return [[region["value"] for region in PredictionValue(**one).result] for one in predictions]


run({"entities": lambda: ask("names", NER), "labels": lambda: ask("mood", MOOD)})
