"""A demo: the data, encoder and settings of a checkpoint, and the scores it must reach."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from demo.errors import DemoError
from demo.packages import Package
from offline.readers.examples import Corpus, Example, TaskName
from training.run import Run, train
from training.settings import Settings
from training.split import Split, divide

Facts = Mapping[str, object]

# Fast learning of the head on frozen word embeddings, which two cores finish in minutes.
QUICK = Settings(
    epochs=1,
    learning_rate=1e-4,
    head_learning_rate=1e-3,
    batch_size=32,
    patience=0,
    freeze_embeddings=True,
    dropout=0.0,
)


@dataclass(frozen=True, slots=True)
class Encoder:
    """Makes the model folder that a demo fine-tunes, in the cache; names where it comes from."""

    make: Callable[[Path], Path]
    origin: str


@dataclass(frozen=True, slots=True)
class Demo:
    """A data set with settings sized for two cores, and the least acceptable scores."""

    name: str
    task: TaskName
    load: Callable[[Path], Corpus]
    package: Package
    encoder: Encoder
    settings: Settings
    # By metric.
    least: Mapping[str, float]
    # The corpus's own held-out part; None: a share of the loaded one.
    held_out: Callable[[Path], Corpus] | None = None
    # The held-out examples of each kind of text, which have a score of their own.
    kinds: Callable[[Path], Mapping[str, Sequence[Example]]] | None = None
    # Trains on other data first; returns the checkpoint folder to go on from, and report lines.
    study: Callable[["Demo", Path, Split, Path], tuple[Path, Facts]] | None = None
    # Checks more than the score; raises DemoError.
    check: Callable[[Path], None] | None = None


def make(demo: Demo, out: Path, cache: Path) -> None:
    """Train one demo checkpoint; raise DemoError if it is not good enough."""
    settings, split = demo.settings, divide_demo(demo, cache)
    base = demo.encoder.make(cache)
    facts: Facts = {"data": demo.package.pin, "base encoder": demo.encoder.origin}
    if demo.study:
        base, more = demo.study(demo, base, split, cache)
        facts = {**facts, **more}
    kinds = demo.kinds(cache) if demo.kinds else {}
    scores = train(Run(demo.task, base, out / demo.name, settings, facts, kinds), split)
    check_score(demo, scores.metrics)
    if demo.check:
        demo.check(out / demo.name)


def divide_demo(demo: Demo, cache: Path) -> Split:
    """Return the examples that a demo trains on, and those that it is evaluated on."""
    settings = demo.settings
    return divide(
        demo.load(cache),
        demo.held_out(cache) if demo.held_out else None,
        eval_fraction=settings.eval_fraction,
        seed=settings.seed,
        limit=settings.limit,
    )


def check_score(demo: Demo, metrics: Mapping[str, float]) -> None:
    """Raise DemoError if a held-out score is below the least that is acceptable."""
    for metric, least in demo.least.items():
        if metrics[metric] < least:
            raise DemoError(
                f"{demo.name}: held-out {metric} is {metrics[metric]:.4f}, "
                f"below the required {least}; see its report.md"
            )
