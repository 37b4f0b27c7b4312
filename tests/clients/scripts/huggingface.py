"""Drives huggingface_hub's InferenceClient."""

import asyncio
from typing import Any

import huggingface_hub
from asking import KEY, LONG, PAIR, SEVERAL, SINGLE, URL, run
from huggingface_hub import AsyncInferenceClient, InferenceClient


def client(model: str = "mood") -> Any:
    return InferenceClient(f"{URL}/models/{model}", token=KEY)


def labels(text: Any, model: str = "mood") -> list[dict[str, Any]]:
    found = client(model).text_classification(text)
    return [{"label": one.label, "score": one.score} for one in found]


def entities(text: str) -> list[dict[str, Any]]:
    found = client("names").token_classification(text, aggregation_strategy="first")
    names = ("entity_group", "score", "word", "start", "end")
    return [{name: one[name] for name in names} for one in found]


async def labels_async(text: str) -> list[dict[str, Any]]:
    async with AsyncInferenceClient(f"{URL}/models/mood", token=KEY) as one:
        found = await one.text_classification(text)
    return [{"label": one.label, "score": one.score} for one in found]


def zero_shot() -> list[str]:
    found = client("nli").zero_shot_classification(SINGLE, ["film", "bank"])
    return sorted(one.label for one in found)


OLD = huggingface_hub.__version__.startswith("0.")  # its asynchronous client wants aiohttp
ASYNC = {} if OLD else {"async": lambda: [asyncio.run(labels_async(SINGLE))]}

run(
    {
        **ASYNC,
        "single": lambda: [labels(SINGLE)],
        "list": lambda: [labels(text) for text in SEVERAL],
        "pair": lambda: [labels(PAIR, "nli")],
        "entities": lambda: [entities(SINGLE)],
        "zero-shot": zero_shot,
        "unknown": lambda: labels(SINGLE, "none"),
        "long": lambda: labels(LONG),
    }
)
