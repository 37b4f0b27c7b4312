"""The Chinese demos: sentiment of reviews and entities of news, on one rebuilt encoder."""

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from demo.cache import make_once
from demo.chinese import multilingual, ner, sentiment
from demo.demo import QUICK, Demo, Encoder
from demo.packages import E5_TOKENIZER, E5_WEIGHTS, MSRA, REVIEWS_ZH, fetch
from offline.readers.examples import TaggedExample

SENTENCES, HELD_OUT = 4200, 1000  # of the news
BORDERS = 12_000  # sentences to find pieces that cross the border of an entity in
SEED = 0
# The lowest layers know the language already; freezing them saves a quarter of the time.
QUICK_ZH = replace(QUICK, learning_rate=2e-4, frozen_layers=2)


def encoder(cache: Path) -> Path:
    """Return the folder of the encoder that both demos fine-tune; rebuild it once."""
    weights = fetch(E5_WEIGHTS, cache) / multilingual.WEIGHTS_FILE
    tokenizer = fetch(E5_TOKENIZER, cache) / multilingual.TOKENIZER_FILE
    pins = "-".join(p.sha256[:6] for p in (E5_WEIGHTS, E5_TOKENIZER, REVIEWS_ZH, MSRA))

    def write(folder: Path) -> None:
        document = json.loads(tokenizer.read_text(encoding="utf-8"))
        multilingual.rebuild(weights, document, _texts(cache), folder)

    return make_once(cache / "rebuilt" / f"e5-{multilingual.LAYERS}-layers-{pins}", write)


def text_encoder(cache: Path) -> Path:
    """Return the folder of the shared encoder, prepared for labels of whole texts."""
    base = encoder(cache)
    folder = base.with_name(f"{base.name}-texts")
    return make_once(folder, lambda out: multilingual.attend_to_all_tokens(base, out))


def entity_encoder(cache: Path) -> Path:
    """Return the folder of the shared encoder, prepared for entities."""
    base = encoder(cache)
    folder = base.with_name(f"{base.name}-entities")

    def write(out: Path) -> None:
        known = ner.load(cache, "train", BORDERS, SEED, named=True).examples
        multilingual.split_at_entities(
            base, [e for e in known if isinstance(e, TaggedExample)], out
        )

    return make_once(folder, write)


def _texts(cache: Path) -> Iterator[str]:
    yield from (review.text for review in sentiment.load(cache).examples)
    yield from ner.texts(cache)


CHINESE = (
    Demo(
        name="sentiment-zh",
        task="sequence-classification",
        load=sentiment.load,
        package=REVIEWS_ZH,
        encoder=Encoder(text_encoder, multilingual.ORIGIN),
        settings=replace(QUICK_ZH, batch_size=16, max_length=48, limit=4500, eval_fraction=0.06),
        least={"accuracy": 0.81},
    ),
    Demo(
        name="ner-zh",
        task="token-classification",
        load=partial(ner.load, part="train", sentences=SENTENCES, seed=SEED, named=True),
        held_out=partial(ner.load, part="test", sentences=HELD_OUT, seed=SEED),
        package=MSRA,
        encoder=Encoder(entity_encoder, multilingual.ORIGIN),
        settings=replace(QUICK_ZH, learning_rate=4e-4, batch_size=8, max_length=96),
        least={"f1": 0.74},
    ),
)
