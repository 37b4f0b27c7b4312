"""Provide built-in texts for an export without --eval: many lengths, scripts, odd characters."""

from collections.abc import Sequence
from itertools import combinations, pairwise

from app.engine.text.encoding import TextInput

SENTENCES = (
    "A warm, funny film that never wastes a minute.",
    "The plot makes no sense and the ending is worse.",
    "Shares of the company fell 3.5 percent on Tuesday after a profit warning.",
    "Maria Keller flew from Zurich to New York to meet the board of Acme Industries.",
    "The striker scored twice as the home side won 4-1 in front of 52,000 people.",
    "Ministers will debate the new housing bill when parliament returns in autumn.",
    "Engineers found the fault in the network card, not in the software update.",
    "It was neither good nor bad; we left before the second act.",
)
ODD = (
    "ok",
    "7",
    "Call +1 (555) 010-9999 before 18:30, room 4B, invoice 2024/000173.",
    "今天天气很好，我们去公园散步。",
    "東京で新しい美術館が開きました。",
    "서울은 대한민국의 수도입니다.",
    "So good \U0001f600\U0001f680 \U0001f469\u200d\U0001f4bb 10/10 would watch again!!!",
    "na\u00efve caf\u00e9 cre\u0301me bru\u0302le\u0301e, 50\u00a0% off\tand\nthen some",
    "https://example.com/a?b=c&d=e#f is down, see issue #42 @ops",
    "WHY WOULD ANYONE PAY FOR THIS",
)
LONG_SHARES = (0.25, 0.5, 0.9, 1.2)
CHARACTERS_PER_TOKEN = 4  # approximate; long texts need no exact length


def built_in_texts(max_length: int, *, pairs: bool = True) -> list[TextInput]:
    """Return short and odd texts, and long ones up to and over `max_length` tokens.

    Args:
        pairs: whether texts that are read together are among them.
    """
    joined = (" ".join(two) for two in combinations(SENTENCES, 2))
    short = [TextInput(text) for text in (*SENTENCES, *ODD, *joined)]
    if pairs:
        short += [TextInput(*two) for two in pairwise(SENTENCES[:4])]
    return short + long_texts([TextInput(text) for text in SENTENCES], max_length)


def long_texts(sources: Sequence[TextInput], max_length: int) -> list[TextInput]:
    """Return texts of growing length joined from `sources`, the last one too long to fit."""
    made = []
    for number, share in enumerate(LONG_SHARES):
        wanted = int(share * max_length * CHARACTERS_PER_TOKEN)
        parts: list[str] = []
        position = number
        while sum(map(len, parts)) < wanted:
            parts.append(sources[position % len(sources)].text)
            position += len(LONG_SHARES) - 1
        made.append(TextInput(" ".join(parts)))
    return made
