"""One training run: split, fine-tune, evaluate, write the checkpoint."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
from transformers import set_seed

from offline.readers.examples import Example, TaskName
from training.fit.finetune import finetune, use_bf16
from training.fit.predict import predict
from training.output.checkpoint import check_writable, load_model, load_tokenizer, write_checkpoint
from training.output.report import render_report
from training.settings import Settings
from training.split import Split
from training.tasks.base import ClassifierTask, make_task
from training.tasks.features import Features
from training.tasks.scores import Scores

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Run:
    """A task, the folder of its encoder, the folder to write, and the settings."""

    task: TaskName
    base: Path
    out: Path
    settings: Settings
    facts: Mapping[str, object] = field(default_factory=dict)  # further lines of the report
    # Held-out examples by kind of text; each kind has a score of its own.
    kinds: Mapping[str, Sequence[Example]] = field(default_factory=dict)


def train(run: Run, split: Split) -> Scores:
    """Fine-tune on the split, write the checkpoint and return its held-out scores."""
    started = time.monotonic()
    settings = run.settings
    check_writable(run.out, run.base)
    set_seed(settings.seed)
    tokenizer = load_tokenizer(run.base, settings.max_length)
    task = make_task(run.task, split, tokenizer, settings.max_length)
    model = load_model(run.base, task, settings.max_length, settings.dropout)
    features = task.encode(split.train)
    held_out = task.encode(split.evaluation)

    def score() -> Scores:
        logits = predict(model, held_out, task.collator)
        return _add_kinds(run, task, split.evaluation, logits)

    logger.info(
        "training on %d examples, %d tokens; %d held out; %s",
        len(features),
        sum(features.lengths()),
        len(held_out),
        "bf16" if use_bf16(settings.precision) else "fp32",
    )
    for rows in split.left_out():
        logger.info("left out: %s", rows)
    _warn_of_cut_texts(features, settings.max_length)
    metric = "f1" if run.task == "token-classification" else "macro_f1"
    finetune(model, features, task.collator, settings, lambda: score().metrics, metric)
    scores = score()
    facts = _facts(run, split, (features, held_out), time.monotonic() - started)
    evaluation = {"task": run.task, "labels": list(task.classes), **task.config}
    evaluation |= scores.as_dict() | {"facts": facts, "settings": asdict(settings)}
    report = render_report(f"Evaluation of {run.out.name}", scores, task.classes, facts)
    write_checkpoint(run.out, model, tokenizer, evaluation, report, split.evaluation, run.base)
    _tell(scores)
    logger.info("wrote %s", run.out)
    return scores


def _add_kinds(
    run: Run, task: ClassifierTask, examples: Sequence[Example], logits: Sequence[np.ndarray]
) -> Scores:
    """Score all examples, and those of each kind by the headline's metric."""
    scores = task.score(examples, logits)
    metrics = dict(scores.metrics)
    for kind, members in run.kinds.items():
        wanted = set(members)
        chosen = [i for i, example in enumerate(examples) if example in wanted]
        part = task.score([examples[i] for i in chosen], [logits[i] for i in chosen])
        metrics[f"{scores.headline} on {kind}"] = part.value
    return replace(scores, metrics=metrics)


def _tell(scores: Scores) -> None:
    beside = ""
    if scores.baseline is not None:
        beside = f", always answering {scores.baseline.answer} {scores.baseline.value:.4f}"
    logger.info("%s %.4f on held-out data%s", scores.headline, scores.value, beside)
    for warning in scores.warnings():
        logger.warning("%s", warning)


def _warn_of_cut_texts(features: Features, max_length: int) -> None:
    if features.cut:
        logger.warning(
            "%d of %d training texts (%.1f %%) are longer than %d tokens and are cut; the limit "
            "stays when the checkpoint is served: --max-length raises it",
            features.cut,
            len(features),
            100 * features.cut_share,
            max_length,
        )


def _facts(
    run: Run, split: Split, features: tuple[Features, Features], seconds: float
) -> dict[str, object]:
    training, held_out = features
    return {
        "task": run.task,
        "base encoder": run.base.name,
        "training examples": len(split.train),
        "held-out examples": len(split.evaluation),
        "duplicates dropped": split.duplicates,
        "contradicting rows dropped": split.contradictions,
        "rows beyond the limit": split.beyond_limit,
        "greatest length in tokens": run.settings.max_length,
        "texts longer than that": f"{training.cut_share:.1%}, held out {held_out.cut_share:.1%}",
        "seed": run.settings.seed,
        "seconds": round(seconds),
        **run.facts,
    }
