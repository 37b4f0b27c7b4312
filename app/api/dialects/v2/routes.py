"""Declares the V2 protocol, also called Open Inference Protocol, over HTTP.

What clients send and accept was seen with tritonclient 2.73, kserve 0.21, `mlserver infer` 1.7 and
perf_analyzer 2.50. Binary tensors are part of it: tritonclient sends and asks for them by default.
"""

from fastapi import APIRouter

from app.api.dialects.dialect import Dialect, ForeignRoute, posted
from app.api.dialects.v2 import describe, repository
from app.api.dialects.v2.request import read

EXAMPLE = {
    "inputs": [
        {"name": "text", "shape": [1], "datatype": "BYTES", "data": ["The room was clean."]}
    ],
    "parameters": {"top_k": 2},
}
SUMMARY = "Classify, or find entities"

described = APIRouter(route_class=ForeignRoute)
described.include_router(describe.router)
described.include_router(repository.router)

DIALECT = Dialect(
    "v2",
    (
        posted("/v2/models/{name}/infer", read, SUMMARY, EXAMPLE),
        posted("/v2/models/{name}/versions/{version}/infer", read, SUMMARY, EXAMPLE),
    ),
    described,
)
