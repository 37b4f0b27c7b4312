"""Drives openai: its list of models, and vLLM's classification by its `post`."""

from typing import Any
from unittest.mock import patch

import openai
from asking import KEY, LONG, PAIR, SEVERAL, SINGLE, URL, run


def client(path: str = "", max_retries: int = 0) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{URL}{path}", api_key=KEY, max_retries=max_retries)


def ask(given: Any, model: str = "mood", max_retries: int = 0) -> Any:
    body = {"model": model, "input": given}
    asked = client(max_retries=max_retries)
    try:
        answer: Any = asked.post("/classify", body=body, cast_to=object)
    except openai.APIStatusError as exc:
        raise RuntimeError(exc.body) from exc  # where it keeps an error that is a sentence
    return [[one["label"], max(one["probs"])] for one in answer["data"]]


def repeated() -> Any:
    """Return the answer to a request that it may repeat, and the waits in between."""
    waits: list[float] = []
    with patch("time.sleep", waits.append):
        return {"answer": ask(SINGLE, max_retries=1), "waits": waits}


run(
    {
        "single": lambda: ask(SINGLE),
        "list": lambda: ask(SEVERAL),
        "pair": lambda: ask(PAIR),
        "models": lambda: [model.id for model in client("/v1").models.list()],
        "repeated": repeated,
        "unknown": lambda: ask(SINGLE, "none"),
        "long": lambda: ask(LONG),
    }
)
