"""A component of spaCy that asks Classmark for a document's entities."""

from collections.abc import Iterable, Iterator

import requests
from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import filter_spans, minibatch


class ClassmarkEntities:
    """Sets `doc.ents`; a span that cuts a token of spaCy grows to the whole token."""

    def __init__(self, url: str, model: str) -> None:
        self._url, self._model = url.rstrip("/"), model

    def __call__(self, doc: Doc) -> Doc:
        return next(self.pipe([doc]))

    def pipe(self, stream: Iterable[Doc], batch_size: int = 64) -> Iterator[Doc]:
        for docs in minibatch(stream, batch_size):
            texts = [doc.text for doc in docs]
            body = {"model": self._model, "inputs": texts, "long_text": "window"}
            answer = requests.post(f"{self._url}/v1/ner", json=body, timeout=30)
            answer.raise_for_status()
            for doc, result in zip(docs, answer.json()["results"], strict=True):
                found = [
                    doc.char_span(
                        one["start"], one["end"], one["entity_group"], alignment_mode="expand"
                    )
                    for one in result["entities"]
                ]
                doc.ents = filter_spans([span for span in found if span is not None])
                yield doc


@Language.factory("classmark")
def make_component(nlp: Language, name: str, url: str, model: str) -> ClassmarkEntities:
    """Make it by `nlp.add_pipe("classmark", config={"url": …, "model": …})`."""
    return ClassmarkEntities(url, model)
