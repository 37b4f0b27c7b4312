"""The English demos: sentiment of short texts, topic of news, intent of orders, names in tweets."""

import logging
from dataclasses import replace
from pathlib import Path

from demo.demo import QUICK, Demo, Encoder, Facts
from demo.english import intent, ner, news, sentiment, silver, topic
from demo.errors import DemoError
from demo.packages import BBC_NEWS, COMMANDS, ENCODER, SNIPPETS, TEACHER, TWEETS, minilm_encoder
from training.run import Run, train
from training.split import Split, drop_shared

logger = logging.getLogger(__name__)

SILVER_SENTENCES = 1500
SILVER_EPOCHS = 1

MINILM = Encoder(minilm_encoder, ENCODER.pin)


def study_news(demo: Demo, base: Path, split: Split, cache: Path) -> tuple[Path, Facts]:
    """Train on the teacher's sentences; return the checkpoint that the tweets then fine-tune.

    Human labels come last, so that they win where the teacher disagrees. All held-out labels are
    human.
    """
    settings = replace(demo.settings, epochs=SILVER_EPOCHS)
    sentences = drop_shared(silver.load(cache, SILVER_SENTENCES, settings.seed), split.evaluation)
    studied = cache / "news-ner"
    train(Run(demo.task, base, studied, settings), replace(split, train=tuple(sentences)))
    return studied, {
        "silver": f"before, trained on {len(sentences)} sentences of {BBC_NEWS.pin} labelled by "
        f"{TEACHER.pin}, not by people",
        "held-out labels": "all by people",
    }


def check_news(checkpoint: Path) -> None:
    """Raise DemoError unless the checkpoint finds every entity of ten plain news sentences."""
    from transformers import pipeline

    find = pipeline("token-classification", str(checkpoint), aggregation_strategy="first")
    misses = news.missed(find)
    expected = sum(len(entities) for _, entities in news.SENTENCES)
    logger.info("news sentences: %d of %d entities found", expected - len(misses), expected)
    if misses:
        raise DemoError(f"{checkpoint.name}: not found: {'; '.join(misses)}")


ENGLISH = (
    Demo(
        name="sentiment",
        task="sequence-classification",
        load=sentiment.load,
        package=SNIPPETS,
        encoder=MINILM,
        settings=replace(QUICK, max_length=64),
        least={"accuracy on films": 0.84, "accuracy on tweets": 0.9, "accuracy on products": 0.83},
        held_out=sentiment.load_held_out,
        kinds=sentiment.kinds,
    ),
    Demo(
        name="topic",
        task="sequence-classification",
        load=topic.load,
        package=BBC_NEWS,
        encoder=MINILM,
        settings=replace(QUICK, batch_size=16, max_length=96, eval_fraction=0.2),
        least={"accuracy": 0.96},
    ),
    Demo(
        name="intent",
        task="sequence-classification",
        load=intent.load_train,
        held_out=intent.load_held_out,
        package=COMMANDS,
        encoder=MINILM,
        settings=replace(QUICK, batch_size=16, max_length=48),
        least={"accuracy": 0.85},
    ),
    Demo(
        name="ner",
        task="token-classification",
        load=ner.load,
        package=TWEETS,
        encoder=MINILM,
        settings=replace(
            QUICK, epochs=3, learning_rate=2e-4, batch_size=16, max_length=96, eval_fraction=0.2
        ),
        least={"f1": 0.52},
        study=study_news,
        check=check_news,
    ),
)
