"""label-studio-sdk: its own checks of a configuration's predictions."""

import json
import sys

import requests
from label_studio_sdk.label_interface import LabelInterface
from label_studio_sdk.label_interface.objects import PredictionValue

NER = """<View><Labels name="ner" toName="text"><Label value="PER"/><Label value="LOC"/></Labels>
<Text name="text" value="$text"/></View>"""
MOOD = """<View><Text name="text" value="$text"/><Choices name="mood" toName="text">
<Choice value="Negative"/><Choice value="Neutral"/><Choice value="Positive"/></Choices></View>"""
TEXTS = ["a good film", "angela merkel 👩‍👩‍👧 visited paris", "", "北京你好"]


def check(model: str, config: str) -> list:
    interface = LabelInterface(config)
    interface.validate()
    tasks = [{"id": i, "data": {"text": text}} for i, text in enumerate(TEXTS)]
    body = {"tasks": tasks, "label_config": config, "project": "1.1"}
    answer = requests.post(f"{sys.argv[1]}/label-studio/{model}/predict", json=body, timeout=60)
    answer.raise_for_status()
    found = []
    for one in answer.json()["results"]:
        value = PredictionValue(**one)
        errors = interface.validate_prediction(one, return_errors=True)
        found.append({"errors": errors, "regions": len(value.result), "score": value.score})
    return found


print(json.dumps({"names": check("names", NER), "mood": check("mood", MOOD)}))  # noqa: T201
