"""A recognizer of Presidio that asks Classmark; Presidio itself then needs no model."""

import requests
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry, RecognizerResult, RemoteRecognizer
from presidio_analyzer.nlp_engine import NoOpNlpEngine

NAMES = {"PER": "PERSON", "LOC": "LOCATION", "ORG": "ORGANIZATION", "DATE": "DATE_TIME"}


class ClassmarkRecognizer(RemoteRecognizer):
    """Finds what a model of Classmark finds, however long the text is."""

    def __init__(self, url: str, model: str, language: str = "en", key: str = "none") -> None:
        self._url, self._model = url.rstrip("/"), model
        self._headers = {"Authorization": f"Bearer {key}"}
        super().__init__(list(NAMES.values()), "Classmark", language, version="1")

    def get_supported_entities(self) -> list[str]:
        return list(self.supported_entities)

    def analyze(self, text: str, entities: list[str], nlp_artifacts: object = None) -> list:
        body = {"model": self._model, "inputs": text, "long_text": "window"}
        address = f"{self._url}/v1/ner"
        answer = requests.post(address, json=body, headers=self._headers, timeout=30)
        answer.raise_for_status()
        found = [
            RecognizerResult(
                NAMES.get(one["entity_group"], one["entity_group"]),
                one["start"],
                one["end"],
                one["score"],
            )
            for one in answer.json()["results"][0]["entities"]
        ]
        return [one for one in found if not entities or one.entity_type in entities]


def make_analyzer(url: str, model: str, language: str = "en", key: str = "none") -> AnalyzerEngine:
    """Return an analyzer with this recognizer alone; add Presidio's own to its registry."""
    registry = RecognizerRegistry([ClassmarkRecognizer(url, model, language, key)])
    registry.supported_languages = [language]
    engine = NoOpNlpEngine([{"lang_code": language, "model_name": "none"}])
    engine.load()
    return AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=[language])
