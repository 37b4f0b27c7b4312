"""Defines what the routes of models and health take and answer."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from app.bundle.base import InputKind, Precision, Task
from app.schemas.base import Schema


class LoadFailure(Schema):
    version: int | None = Field(description="null: the model's desired-version file itself.")
    reason: str
    at: datetime


class ExecutionStatus(Schema):
    """How batches of a model run."""

    kind: Literal["padded", "packed", "captured"] = Field(
        description="padded: each text filled up to the longest; packed: without padding; "
        "captured: packed, and replayed as CUDA graphs."
    )
    reason: str | None = Field(
        description="Why the backend's better way is not used; null: there is none better."
    )


class ModelStatus(Schema):
    """One model of the store."""

    name: str
    status: Literal["serving", "loading", "failed"] = Field(
        description="loading: no version serves yet, and none was refused."
    )
    version: int | None
    versions: list[int] = Field(description="In the store, newest first.")
    wanted_version: int | None = Field(
        None, description="That the store wants: pinned, or the newest."
    )
    task: Task | None = None
    input: InputKind | None = Field(
        None, description="What the model reads: one text, a pair, or either."
    )
    labels: list[str] = []
    max_length: int | None = None
    precision: Precision | None = None
    provider: str | None = None
    execution: ExecutionStatus | None = None
    degraded: str | None = Field(
        None,
        description="Why it runs slower than it should here: something better failed. null: it "
        "does not.",
    )
    batch_invariant: bool | None = None
    recipe: str | None = None
    agreement: float | None = Field(
        None, description="Label agreement of the graph with the checkpoint, as export measured it."
    )
    temperature: float | None = Field(
        None, description="Scores are computed from logits / temperature; null: not calibrated."
    )
    label_thresholds: dict[str, float] | None = Field(
        None, description="Lowest score of each label where a request gives no threshold."
    )
    metrics: dict[str, float] = Field({}, description="Of this graph, on the evaluation set.")
    memory_bytes: dict[int, int] = Field(
        {},
        description="Predicted, of the version that serves and the one that was to be loaded last, "
        "known before it loads. Empty on a GPU.",
    )
    last_failure: LoadFailure | None = None


class ModelCard(Schema):
    """What OpenAI's clients read of a model that serves."""

    id: str
    object: Literal["model"] = "model"
    created: int = Field(description="When it was exported, in seconds since 1970.")
    owned_by: Literal["classmark"] = "classmark"


class ModelList(Schema):
    models: list[ModelStatus]
    predicted_memory_bytes: int | None = Field(
        None,
        description="Of the process that runs the models, once they serve what the store wants. "
        "What it takes now is `process_resident_memory_bytes` in /metrics.",
    )
    object: Literal["list"] = "list"
    data: list[ModelCard] = Field(description="Those that serve, as OpenAI's clients read them.")


class ReloadRequest(Schema):
    version: int | None = Field(
        None, ge=1, strict=True, description="Version to pin to; left out: the newest, unpinned."
    )


class Health(Schema):
    status: Literal["ok", "unavailable"]
    reason: str | None = None
