"""Defines what SageMaker's, Vertex AI's and MLflow's clients send to a model."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import model_validator

from app.api.dialects.dialect import AsGiven, ForeignSchema
from app.api.dialects.huggingface.schema import Parameters

TEXT, PAIR = "text", "text_pair"


class InvocationParameters(Parameters):
    """Arguments of transformers' pipelines.

    Attributes:
        model: which, where several serve.
        return_all_scores: the older word for a top_k of all.
    """

    model: str | None = None
    return_all_scores: bool = False


def _instance(value: Any) -> Any:
    """Return an instance of Vertex AI: a text or a pair, or an object that has it as `inputs`."""
    return value["inputs"] if isinstance(value, dict) and "inputs" in value else value


def _instances(value: Any) -> Any:
    return [_instance(one) for one in value] if isinstance(value, list) else value


def _split_frame(value: Any) -> Any:
    """Return the rows of a table that came as its columns' names and lists of values."""
    if not isinstance(value, Mapping):
        return value
    columns, rows = value.get("columns"), value.get("data")
    if not isinstance(columns, list) or not isinstance(rows, list):
        raise ValueError("a table is {'columns': […], 'data': [[…], …]}; send both")
    names = [str(column) for column in columns]
    named = (dict(zip(names, row, strict=False)) if isinstance(row, list) else row for row in rows)
    return _records(list(named))


def _records(value: Any) -> Any:
    """Return the inputs in the rows of a table."""
    return [_row(one) for one in value] if isinstance(value, list) else value


def _row(row: Any) -> Any:
    """Return a row's text: in the column of that name, or in the first that holds one."""
    if not isinstance(row, dict):
        return row
    texts = [value for value in row.values() if isinstance(value, str)]
    text = row.get(TEXT, texts[0] if texts else None)
    return text if row.get(PAIR) is None else {TEXT: text, PAIR: row[PAIR]}


# What is answered under `predictions`, by the names it comes under.
_ROWS: Mapping[str, Callable[[Any], Any]] = {
    "instances": _instances,
    "dataframe_split": _split_frame,
    "dataframe_records": _records,
}


class InvocationBody(ForeignSchema):
    """What to read, under one of four names, and arguments under one of two.

    Attributes:
        predicts: the answer stands under `predictions`.
    """

    inputs: AsGiven
    predicts: bool
    parameters: InvocationParameters = InvocationParameters()

    @model_validator(mode="before")
    @classmethod
    def _in_one_form(cls, body: Any) -> Any:
        if not isinstance(body, dict):
            return body
        names = [name for name in ("inputs", *_ROWS) if body.get(name) is not None]
        if len(names) != 1:
            raise ValueError(
                f"the body has {' and '.join(names) or 'nothing to read'}; send one of inputs, "
                "instances, dataframe_split and dataframe_records"
            )
        name = names[0]
        given = _ROWS[name](body[name]) if name in _ROWS else body[name]
        parameters = body.get("parameters") or body.get("params") or {}
        # MLflow's clients send arrays as `inputs` too; only their arguments tell them apart.
        predicts = name in _ROWS or "params" in body
        return {"inputs": given, "predicts": predicts, "parameters": parameters}
