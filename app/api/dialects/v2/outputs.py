"""Chooses the tensors that a request is answered with, and describes all that there are."""

from collections.abc import Sequence
from typing import NamedTuple

from app.api.dialects.v2.schema import RequestedOutput
from app.api.dialects.v2.tensors import Datatype
from app.bundle import Manifest
from app.errors import InvalidRequest, brief


class OutputTensor(NamedTuple):
    """A tensor of an answer; its shape is [inputs, width].

    Attributes:
        binary: its values come as bytes after the JSON.
        classes: it has the best labels, as `score:index:label`, instead of its values.
        by_name_only: it is answered to those who ask for it.
    """

    name: str
    datatype: Datatype
    width: int
    binary: bool = False
    classes: bool = False
    by_name_only: bool = False


def known_outputs(manifest: Manifest, top_k: int | None = None) -> list[OutputTensor]:
    """Return the tensors that a model can answer with."""
    output = OutputTensor("output", "BYTES", 1, by_name_only=True)
    if manifest.task == "token-classification":
        return [OutputTensor("entities", "BYTES", 1), output]
    labels = len(manifest.labels)
    columns = min(top_k or 1, labels)
    return [
        OutputTensor("label", "BYTES", columns),
        OutputTensor("score", "FP32", columns),
        OutputTensor("scores", "FP32", labels),
        output,
    ]


def choose_outputs(
    manifest: Manifest, asked: Sequence[RequestedOutput], top_k: int | None, *, binary: bool
) -> tuple[OutputTensor, ...]:
    """Return the tensors to answer with, in the order they were asked for.

    Args:
        asked: nothing means all but those that come by name only.
        binary: what to do with those of which the request says nothing else.

    Raises:
        InvalidRequest: the model has no such tensor, or it cannot be classified.
    """
    known = known_outputs(manifest, top_k)
    if not asked:
        return tuple([one._replace(binary=binary) for one in known if not one.by_name_only])
    by_name = {one.name: one for one in known}
    return tuple([_choose(by_name, one, binary=binary) for one in asked])


def _choose(
    known: dict[str, OutputTensor], asked: RequestedOutput, *, binary: bool
) -> OutputTensor:
    if asked.name not in known:
        there = ", ".join(known)
        raise InvalidRequest(f"there is no output {brief(asked.name)!r}; there are {there}")
    one, parameters = known[asked.name], asked.parameters
    if parameters.binary_data is not None:
        binary = parameters.binary_data
    if not parameters.classification:
        return one._replace(binary=binary)
    if one.name != "scores":
        remedy = "ask it of scores" if "scores" in known else "leave it out: there are no scores"
        raise InvalidRequest(f"parameters.classification is asked of {one.name}; {remedy}")
    width = min(parameters.classification, one.width)
    return one._replace(datatype="BYTES", width=width, binary=binary, classes=True)
