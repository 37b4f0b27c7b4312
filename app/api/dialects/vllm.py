"""Declares the classification API of vLLM: labels' probabilities, in the model's order."""

import math
import time
from collections.abc import Mapping, Sequence
from typing import Literal
from uuid import uuid4

from pydantic_core import to_json

from app.api.dialects.dialect import Dialect, ForeignSchema, identity, posted
from app.api.inference.question import LabelOptions, Question
from app.api.inference.reader import RequestReader, parse_json
from app.api.inference.routes import Target
from app.api.inference.writer import LabelledText, Writer, Written
from app.bundle.manifest import Manifest
from app.engine.answer_cache import Parts
from app.engine.models.servable import Servable
from app.errors import InvalidRequest
from app.schemas.requests import Inputs
from app.service import Service

EXAMPLE = {"model": "sentiment", "input": ["The room was clean."]}


class VllmBody(ForeignSchema):
    """Texts to classify; token ids are refused, they would be those of another tokenizer.

    Attributes:
        use_activation: false asks for logits; `activation` is its older name.
        truncate_prompt_tokens: to cut texts at; -1 for the model's own length.
    """

    model: str | None = None
    input: Inputs
    use_activation: bool | None = None
    activation: bool | None = None
    truncate_prompt_tokens: int | None = None
    truncation_side: Literal["left", "right"] | None = None

    @property
    def wants_logits(self) -> bool:
        return False in (self.use_activation, self.activation)


class VllmWriter(Writer):
    """Writes two parts: what a text was classified as, and its tokens."""

    key = "vllm"

    def labels(self, text: LabelledText) -> Parts:
        probabilities = [round(score, 6) for score in text.scores]
        found = {
            "label": text.ranked[0].label,
            "probs": probabilities,
            "num_classes": len(text.scores),
        }
        return to_json(found).decode()[1:], str(text.encoded.tokens)

    def join(
        self, servable: Servable, answers: Sequence[Parts], stages: Mapping[str, float]
    ) -> Written:
        data = ",".join([f'{{"index":{i},{found!s}' for i, (found, _) in enumerate(answers)])
        tokens = sum(int(one) for _, one in answers)
        usage = (
            f'{{"prompt_tokens":{tokens},"total_tokens":{tokens},"completion_tokens":0,'
            '"prompt_tokens_details":null}'
        )
        head = (
            f'"id":"classify-{uuid4().hex}","object":"list","created":{int(time.time())},'
            f'"model":"{servable.name}"'
        )
        body = f'{{{head},"data":[{data}],"usage":{usage}}}'
        return Written(body.encode(), identity(servable))


def read(reader: RequestReader, target: Target, service: Service) -> Question:
    """Return what a request asks."""
    body, _ = parse_json(VllmBody, reader.body)
    servable = service.registry.resolve(body.model, "sequence-classification")
    options = LabelOptions(None, -math.inf, "none" if body.wants_logits else "default")
    long_text = _long_text(body, servable.manifest)
    return Question(servable.name, body.input, options, long_text, VllmWriter())


def _long_text(body: VllmBody, manifest: Manifest) -> Literal["truncate"] | None:
    most, side = body.truncate_prompt_tokens, body.truncation_side
    if most is None:
        return None
    if 0 <= most < manifest.max_length:
        raise InvalidRequest(
            f"truncate_prompt_tokens is {most}, and texts are cut at the model's "
            f"{manifest.max_length} tokens alone; send -1"
        )
    own = manifest.tokenizer.settings.truncation_side
    if side not in (None, own):
        raise InvalidRequest(
            f"truncation_side is {side!r}, and texts of this model lose tokens on the {own}; "
            "leave it out, or cut the text yourself"
        )
    return "truncate"


DIALECT = Dialect(
    "vllm",
    (posted("/classify", read, "Classify texts", EXAMPLE, task="sequence-classification"),),
)
