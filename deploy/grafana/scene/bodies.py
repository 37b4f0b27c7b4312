"""What callers of a busy day ask, of the texts that the demo models are evaluated on."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bodies:
    """Makes bodies of requests, of the texts for `sentiment`, `topic` and `ner`."""

    reviews: Sequence[str]
    news: Sequence[str]
    sentences: Sequence[str]

    @classmethod
    def of(cls, checkpoints: Path) -> Self:
        return cls(*(read_texts(checkpoints, model) for model in ("sentiment", "topic", "ner")))

    def review(self, rng: random.Random) -> Body:
        # People ask the same few again and again.
        text = self.reviews[int(rng.paretovariate(0.5)) % len(self.reviews)]
        return {"model": "sentiment", "inputs": text}

    def articles(self, rng: random.Random) -> Body:
        # A number before each keeps the cache from knowing it.
        inputs = [f"{rng.random()} {text}" for text in rng.sample(self.news, 64)]
        return {"model": "topic", "inputs": inputs}

    def article(self, rng: random.Random) -> Body:
        return {"model": "topic", "inputs": rng.choice(self.news), "long_text": "window"}

    def sentence(self, rng: random.Random) -> Body:
        return {"model": "ner", "inputs": rng.choice(self.sentences)}

    def foreign(self, rng: random.Random) -> Body:
        return {"model": "sentiment", "inputs": f"{rng.choice(self.reviews)[:40]} {'ﷺ ☃ 🎬 ' * 6}"}

    def mistake(self, rng: random.Random) -> Body:
        return rng.choice(
            [
                {"model": "sentimental", "inputs": "A fine film."},
                {"model": "sentiment", "inputs": "A fine film.", "top_k": 0},
                {"model": "sentiment", "inputs": []},
            ]
        )

    def partly(self, rng: random.Random) -> Body:
        inputs = [rng.choice(self.reviews), "word " * 600]
        body = {"model": "sentiment", "inputs": inputs}
        return body | {"long_text": "error", "on_error": "report"}


def read_texts(checkpoints: Path, model: str) -> Sequence[str]:
    """Return the texts that a demo model is evaluated on."""
    lines = (checkpoints / model / "eval.jsonl").read_text().splitlines()
    read = [json.loads(line) for line in lines]
    return [one.get("text") or " ".join(one["tokens"]) for one in read]
