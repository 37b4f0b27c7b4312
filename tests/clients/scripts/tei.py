"""Drives tei-client."""

from typing import Any

from asking import KEY, LONG, PAIR, SEVERAL, SINGLE, URL, run
from tei_client.clients.http_client import HttpClient


def client(model: str) -> HttpClient:
    return HttpClient(f"{URL}/tei/{model}", headers={"authorization": f"Bearer {KEY}"})


def ask(inputs: Any, model: str = "mood") -> Any:
    answer = client(model).classify(inputs)
    return [[{"label": one.label, "score": one.score} for one in row.scores] for row in answer]


def rank() -> list[list[Any]]:
    ranks = client("rank").rerank(SINGLE, SEVERAL).ranks
    return [[one.index, one.score] for one in ranks]


run(
    {
        "single": lambda: ask(SINGLE),
        "list": lambda: ask(SEVERAL),
        "pair": lambda: ask((PAIR["text"], PAIR["text_pair"]), "nli"),
        "rank": rank,
        "unknown": lambda: ask(SINGLE, "none"),
        "long": lambda: ask(LONG),
    }
)
