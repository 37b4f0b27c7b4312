"""Chooses the tensors that a request is answered with, and describes all that there are."""

from functools import lru_cache
from typing import NamedTuple

from app.api.dialects.v2.schema import InferBody
from app.api.dialects.v2.tensors import Datatype
from app.bundle.manifest import Manifest
from app.errors import InvalidRequest, brief

# As MLServer names what `output` holds; its clients decode by that.
JSON_LIST = '"content_type":"hg_jsonlist"'


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

    @property
    def template(self) -> bytes:
        """The tensor as JSON, with places for the number of inputs and for values or their size."""
        parameters = [JSON_LIST] if self.name == "output" else []
        values = '"data":[%b]'
        if self.binary:
            parameters.append('"binary_data_size":%d')
            values = ""
        told = '"parameters":{' + ",".join(parameters) + "}" if parameters else ""
        known = f'"name":"{self.name}","datatype":"{self.datatype}","shape":[%d,{self.width}]'
        return ("{" + ",".join(filter(None, (known, told, values))) + "}").encode()


class ChosenOutputs(NamedTuple):
    """The tensors to answer with, in the order they were asked for, and their templates."""

    tensors: tuple[OutputTensor, ...]
    templates: tuple[bytes, ...]


class _Wish(NamedTuple):
    name: str
    binary: bool
    classes: int


def choose_outputs(manifest: Manifest, asked: InferBody) -> ChosenOutputs:
    """Return the tensors that a request asks for; all but those that come by name only, if none.

    Raises:
        InvalidRequest: the model has no such tensor, or it cannot be classified.
    """
    binary, top_k = asked.parameters.binary_data_output, asked.parameters.top_k
    wishes = tuple(
        [
            _Wish(
                one.name,
                binary if one.parameters.binary_data is None else one.parameters.binary_data,
                one.parameters.classification or 0,
            )
            for one in asked.outputs
        ]
    )
    labels = None if manifest.task == "token-classification" else len(manifest.labels)
    return _choose_all(labels, top_k, wishes, binary)


def known_outputs(labels: int | None, top_k: int | None = None) -> list[OutputTensor]:
    """Return the tensors that a model can answer with.

    Args:
        labels: that a text may have; None for a model that finds entities.
    """
    output = OutputTensor("output", "BYTES", 1, by_name_only=True)
    if labels is None:
        return [OutputTensor("entities", "BYTES", 1), output]
    columns = min(top_k or 1, labels)
    return [
        OutputTensor("label", "BYTES", columns),
        OutputTensor("score", "FP32", columns),
        OutputTensor("scores", "FP32", labels),
        output,
    ]


@lru_cache  # clients ask for the same few
def _choose_all(
    labels: int | None, top_k: int | None, wishes: tuple[_Wish, ...], binary: bool
) -> ChosenOutputs:
    known = known_outputs(labels, top_k)
    if wishes:
        by_name = {one.name: one for one in known}
        tensors = [_choose(by_name, wish) for wish in wishes]
    else:
        tensors = [one._replace(binary=binary) for one in known if not one.by_name_only]
    return ChosenOutputs(tuple(tensors), tuple([one.template for one in tensors]))


def _choose(known: dict[str, OutputTensor], wish: _Wish) -> OutputTensor:
    if wish.name not in known:
        there = ", ".join(known)
        raise InvalidRequest(f"there is no output {brief(wish.name)!r}; there are {there}")
    one = known[wish.name]._replace(binary=wish.binary)
    if not wish.classes:
        return one
    if one.name != "scores":
        remedy = "ask it of scores" if "scores" in known else "leave it out: there are no scores"
        raise InvalidRequest(f"parameters.classification is asked of {one.name}; {remedy}")
    return one._replace(datatype="BYTES", width=min(wish.classes, one.width), classes=True)
