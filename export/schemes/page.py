"""The schemes as Markdown: what was measured where, one table a model, how to read them."""

from collections.abc import Mapping, Sequence

from export.int8.schemes import SCHEMES
from export.parity.candidate import Attempt
from export.parity.invariance import INVARIANT_SCORE_DIFFERENCE
from export.parity.tolerances import TOLERANCES
from export.report.markdown import table
from export.schemes.pace import ROUNDS
from export.schemes.results import ModelTrials, Trial

SECTION = "schemes of int8"
COMMAND = "python -m export schemes CHECKPOINT... --out docs/models.md"
TITLES: tuple[str, ...] = (
    "graph",
    "MB",
    "texts/s",
    "times fp32",
    "equal labels",
    "largest score difference",
    "metric lost",
    "batch-invariant",
    "gate",
)


def render(models: Sequence[ModelTrials], machine: str, tools: Mapping[str, str]) -> str:
    """Return the section: an introduction, one table a model, and what the words mean."""
    parts = ["## Trained models", *_introduction(models, machine, tools)]
    for model in models:
        parts += [f"### {model.name}", _describe(model), "\n".join(_table(model))]
    return "\n\n".join([*parts, *_explanation()]) + "\n\n"


def _introduction(
    models: Sequence[ModelTrials], machine: str, tools: Mapping[str, str]
) -> list[str]:
    names = ", ".join(model.name for model in models)
    return [
        "fp32, fp16 and every scheme of int8 on trained checkpoints, beside the checkpoints "
        f"themselves in PyTorch, run by the code that serves: {names}. In bold is the fastest int8 "
        f"that passes the gate of an export ({TOLERANCES['int8']}) and is batch-invariant.",
        f"Machine: {machine}. Speeds are each text alone, by one-thread callers on every CPU at "
        f"once; the graphs ran in turns, {ROUNDS} rounds, and the median is shown. Other CPUs "
        "order them otherwise: without VNNI int8 gains less.",
        f"Versions: {', '.join(f'{name} {version}' for name, version in tools.items())}.",
        f"Run it again: `{COMMAND}`. The labelled texts are each checkpoint's `eval.jsonl`.",
    ]


def _describe(model: ModelTrials) -> str:
    return (
        f"{model.architecture}, {model.parameters / 1e6:.1f} M parameters. int8 was measured on "
        f"{model.texts} texts ({model.labelled} labelled) of {model.mean_tokens:.0f} tokens on "
        f"average, fp32 and fp16 on about 256 of them; {model.calibration} "
        f"{'others' if model.labelled else 'texts'} calibrated what needs it."
    )


def _table(model: ModelTrials) -> list[str]:
    return table(TITLES, [_row(trial, trial.name == model.taken) for trial in model.trials])


def _row(trial: Trial, taken: bool) -> list[str]:
    attempt = trial.attempt
    if attempt is None:
        failed = f"no: {trial.reason}".replace("|", "\\|")
        return [trial.title, *[""] * (len(TITLES) - 2), failed]
    measured = attempt.measured
    parity = measured.parity
    moved = parity.batch_max_score_difference
    return [
        f"**{trial.title}**" if taken else trial.title,
        f"{trial.size / 1e6:.1f}",
        f"{trial.pace.texts_per_second:.0f}" if trial.pace else "",
        f"{trial.pace.ratio:.2f}" if trial.pace else "",
        f"{parity.agreement:.4f}",
        f"{parity.max_score_difference:.6f}",
        f"{measured.metric_loss:+.4f}" if measured.metrics else "",
        "yes" if measured.batch_invariant else f"no: {moved:.4f}",
        _gate(attempt),
    ]


def _gate(attempt: Attempt) -> str:
    return f"missed: {'; '.join(attempt.problems)}" if attempt.problems else "passed"


def _explanation() -> list[str]:
    schemes = [f"- **int8 {scheme.name}**: {scheme.what}." for scheme in SCHEMES]
    return [
        "### How to read these",
        "\n".join(schemes),
        "Every scheme stores the embeddings as int8 rows, and keeps attention, norms and the head "
        "in fp32.",
        "- **equal labels**, **largest score difference**: against the checkpoint in PyTorch; "
        "labels of texts, or of their tokens for NER.\n"
        "- **metric lost**: of accuracy, or of F1 of whole entities; negative for a gain.\n"
        "- **batch-invariant**: whether an answer is the same alone and in any company, score "
        f"within {INVARIANT_SCORE_DIFFERENCE:g}; otherwise the largest difference. The service "
        "runs a graph that is not one text at a time, which is also how its speed is given here.\n"
        "- **gate**: that of an export without `--tolerance`.",
    ]
