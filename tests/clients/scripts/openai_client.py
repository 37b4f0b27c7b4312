"""Drives openai: its list of models, and vLLM's classification by its `post`."""

from typing import Any

import openai
from asking import KEY, LONG, PAIR, SEVERAL, SINGLE, URL, run


def client(path: str = "") -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{URL}{path}", api_key=KEY, max_retries=0)


def ask(given: Any, model: str = "mood") -> Any:
    body = {"model": model, "input": given}
    try:
        answer: Any = client().post("/classify", body=body, cast_to=object)
    except openai.APIStatusError as exc:
        raise RuntimeError(exc.body) from exc  # where it keeps an error that is a sentence
    return [[one["label"], max(one["probs"])] for one in answer["data"]]


run(
    {
        "single": lambda: ask(SINGLE),
        "list": lambda: ask(SEVERAL),
        "pair": lambda: ask(PAIR),
        "models": lambda: [model.id for model in client("/v1").models.list()],
        "unknown": lambda: ask(SINGLE, "none"),
        "long": lambda: ask(LONG),
    }
)
