"""Writes answers as tensors of the V2 protocol: JSON, then the bytes of those that are binary."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from pydantic_core import to_json

from app.api.dialects.v2.body import HEAD_LENGTH
from app.api.dialects.v2.outputs import ChosenOutputs, OutputTensor
from app.api.dialects.v2.tensors import write_row
from app.api.inference.writer import JSON_HEADERS, LabelledText, Writer, Written
from app.engine.answer_cache import Parts
from app.engine.answers.entities import EntitySpan
from app.engine.models.servable import Servable
from app.engine.text.encoding import EncodedInput

BINARY_TYPE = (b"content-type", b"application/octet-stream")


class TensorWriter(Writer):
    """Writes a part for each output tensor, which is this input's row of it.

    Args:
        outputs: the tensors to answer with.
        request_id: to be repeated; None where the request has none.
    """

    def __init__(self, outputs: ChosenOutputs, request_id: str | None) -> None:
        self.key = ("v2", outputs.tensors)
        self._outputs = outputs
        self._request_id = request_id

    def labels(self, text: LabelledText) -> Parts:
        rows = [(one, _row(one, text)) for one in self._outputs.tensors]
        return tuple([write_row(one.datatype, row, binary=one.binary) for one, row in rows])

    def entities(self, encoded: EncodedInput, entities: Sequence[EntitySpan]) -> Parts:
        found = [to_json([asdict(entity) for entity in entities]).decode()]
        return tuple(
            [write_row("BYTES", found, binary=one.binary) for one in self._outputs.tensors]
        )

    def join(
        self, servable: Servable, answers: Sequence[Parts], stages: Mapping[str, float]
    ) -> Written:
        described: list[bytes] = []
        binary: list[bytes] = []
        columns: list[tuple[bytes, ...]] = list(zip(*answers, strict=True))
        for one, template, rows in zip(*self._outputs, columns, strict=True):
            if one.binary:
                data = b"".join(rows)
                binary.append(data)
                described.append(template % (len(rows), len(data)))
            else:
                described.append(template % (len(rows), b",".join(rows)))
        # A model's name needs no escaping: bundles with any other are refused.
        head = f'{{"model_name":"{servable.name}","model_version":"{servable.version}"'
        if self._request_id is not None:
            head += f',"id":{to_json(self._request_id).decode()}'
        content = b'%b,"outputs":[%b]}' % (head.encode(), b",".join(described))
        if not binary:
            return Written(content, JSON_HEADERS)
        length = (HEAD_LENGTH, str(len(content)).encode())
        return Written(b"".join([content, *binary]), [BINARY_TYPE, length])


def _row(one: OutputTensor, text: LabelledText) -> Sequence[Any]:
    """Return a labelled text's row of a tensor; where labels are left out, it is filled up."""
    scores, ranked = text.scores, text.ranked
    if one.classes:
        best = sorted(range(len(scores)), key=scores.__getitem__, reverse=True)[: one.width]
        return [f"{scores[i]:f}:{i}:{text.manifest.labels[i]}" for i in best]
    if one.name == "scores":
        return [round(score, 6) for score in scores]
    missing = one.width - len(ranked)
    if one.name == "label":
        return [*[item.label for item in ranked], *[""] * missing]
    if one.name == "score":
        return [*[item.score for item in ranked], *[0.0] * missing]
    items = [{"label": item.label, "score": item.score} for item in ranked]
    return [to_json(items[0] if len(items) == 1 else items).decode()]
