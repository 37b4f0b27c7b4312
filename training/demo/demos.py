"""The demo runs: what each trains on, how, and the score it must reach."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from training.demo import ner, news, sentiment, silver, topic
from training.demo.packages import BBC_NEWS, ENCODER, SNIPPETS, TEACHER, TWEETS, Package, encoder
from training.errors import DemoError
from training.examples import Corpus, Task
from training.run import Run, train
from training.settings import Settings
from training.split import Split, divide, drop_shared

logger = logging.getLogger(__name__)

SILVER_SENTENCES = 1500
SILVER_EPOCHS = 1


@dataclass(frozen=True, slots=True)
class Demo:
    """A data set with settings sized for two cores, and the least acceptable score."""

    name: str
    task: Task
    load: Callable[[Path], Corpus]
    package: Package
    settings: Settings
    metric: str
    minimum: float


# Fast learning of the head on frozen word embeddings: what two cores can wait for.
QUICK = Settings(
    epochs=1,
    learning_rate=1e-4,
    head_learning_rate=1e-3,
    batch_size=32,
    patience=0,
    freeze_embeddings=True,
    dropout=0.0,
)
DEMOS = {
    demo.name: demo
    for demo in (
        Demo(
            name="sentiment",
            task="sequence-classification",
            load=sentiment.load,
            package=SNIPPETS,
            settings=replace(QUICK, max_length=64, limit=5500),
            metric="accuracy",
            minimum=0.84,
        ),
        Demo(
            name="topic",
            task="sequence-classification",
            load=topic.load,
            package=BBC_NEWS,
            settings=replace(QUICK, batch_size=16, max_length=96, eval_fraction=0.2),
            metric="accuracy",
            minimum=0.96,
        ),
        Demo(
            name="ner",
            task="token-classification",
            load=ner.load,
            package=TWEETS,
            settings=replace(
                QUICK, epochs=3, learning_rate=2e-4, batch_size=16, max_length=96, eval_fraction=0.2
            ),
            metric="f1",
            minimum=0.52,
        ),
    )
}


def make(demo: Demo, out: Path, cache: Path) -> None:
    """Train one demo checkpoint; raise DemoError if it is not good enough."""
    base = encoder(cache)
    settings = demo.settings
    split = divide(
        demo.load(cache),
        None,
        eval_fraction=settings.eval_fraction,
        seed=settings.seed,
        limit=settings.limit,
    )
    facts: dict[str, object] = {"data": _pin(demo.package), "base encoder": _pin(ENCODER)}
    if demo.name == "ner":
        base, more = study_news(demo, base, split, cache)
        facts |= more
    scores = train(Run(demo.task, base, out / demo.name, settings, facts), split)
    check_score(demo, scores.metrics)
    if demo.name == "ner":
        check_news(out / demo.name)


def study_news(demo: Demo, base: Path, split: Split, cache: Path) -> tuple[Path, dict[str, object]]:
    """Train on the teacher's sentences; return the checkpoint for the tweets to go on from.

    People's labels come last, so that where teacher and people disagree, people are believed; the
    held-out part is theirs alone.
    """
    settings = replace(demo.settings, epochs=SILVER_EPOCHS)
    sentences = drop_shared(silver.load(cache, SILVER_SENTENCES, settings.seed), split.evaluation)
    studied = cache / "news-ner"
    train(Run(demo.task, base, studied, settings), replace(split, train=tuple(sentences)))
    return studied, {
        "silver": f"before, trained on {len(sentences)} sentences of {_pin(BBC_NEWS)} labelled by "
        f"{_pin(TEACHER)}, not by people",
        "held-out labels": "all by people",
    }


def check_score(demo: Demo, metrics: Mapping[str, float]) -> None:
    """Raise DemoError if the held-out score is below the demo's minimum."""
    if metrics[demo.metric] < demo.minimum:
        raise DemoError(
            f"{demo.name}: held-out {demo.metric} is {metrics[demo.metric]:.4f}, "
            f"below the required {demo.minimum}; see its report.md"
        )


def check_news(checkpoint: Path) -> None:
    """Raise DemoError unless the checkpoint finds every entity of ten plain news sentences."""
    from transformers import pipeline

    find = pipeline("token-classification", str(checkpoint), aggregation_strategy="first")
    misses = news.missed(find)
    logger.info("news sentences: %d of %d entities found", news.count() - len(misses), news.count())
    if misses:
        raise DemoError(f"{checkpoint.name}: not found: {'; '.join(misses)}")


def _pin(package: Package) -> str:
    return f"{package.name} {package.version}"
