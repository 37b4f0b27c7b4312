"""Texts of every kind a service meets, drawn from a seed."""

import random

from tests.support.tiny import WORDS

PIECES = [
    *(word for word in WORDS if not word.startswith("##")),
    *("Angela", "Merkel", "Paris", "U.N.", "don't", "café", "naïve", "e\u0301tude", "42", "3.14%"),
    *(
        "你好",
        "世界",
        "北京",
        "مرحبا",
        "שלום",
        "😀",
        "👩\u200d👩\u200d👧",
        "https://a.example/b?c=d",
    ),
    *("\t", "\n", "  ", "-", "…", "«quoted»", "x" * 30),
]


def random_texts(count: int, seed: int, longest: int = 40) -> list[str]:
    """Return texts of 1 to `longest` pieces."""
    rng = random.Random(seed)
    return [
        " ".join(rng.choice(PIECES) for _ in range(rng.randint(1, longest))) for _ in range(count)
    ]
