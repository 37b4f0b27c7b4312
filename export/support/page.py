"""The support table as Markdown: what was tried, how each family fared, how to read it."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import get_args

from app.bundle import Task
from export.sections import marks, write_section
from export.support.checkpoints import LABELS, LOGIT_SPREAD
from export.support.families import HEADS, LAYERS, TOKENS, WIDTH
from export.support.trial import Trial

SECTION = "support table"
BEGIN, END = marks(SECTION)
COMMAND = "python -m export support --out docs/models.md"
TITLES: tuple[str, ...] = (
    "family",
    "precision",
    "exported: equal labels",
    "largest score difference",
    "batch-invariant",
    "fused nodes",
    "int8 layers",
)


def write_page(path: Path, section: str) -> None:
    """Write the section, or put it in the place of the one that a page already has.

    Raises:
        ExportError: the page exists and has no place for the section, or cannot be written.
    """
    write_section(path, SECTION, section)


def render(trials: Sequence[Trial], tools: Mapping[str, str]) -> str:
    """Return the section: an introduction, one table a task, and what the columns mean."""
    parts = ["## Encoder families", *_introduction(trials, tools)]
    for task in get_args(Task):
        of_task = [trial for trial in trials if trial.task == task]
        if of_task:
            title = task.replace("-", " ").capitalize()
            parts += [f"### {title}", "\n".join(_table(of_task))]
    return "\n\n".join([*parts, *_explanation()]) + "\n\n"


def _introduction(trials: Sequence[Trial], tools: Mapping[str, str]) -> list[str]:
    done = [trial for trial in trials if trial.measured is not None]
    texts = max((one.measured.parity.inputs for one in done if one.measured), default=0)
    counts = " and ".join(f"{len(labels)} labels ({task})" for task, labels in LABELS.items())
    return [
        f"{len(done)} of {len(trials)} combinations of family, task and precision can be exported, "
        "which here means: a graph was made by export's own code, ONNX Runtime loaded it, and its "
        "answers were compared with PyTorch's. Nothing below is a claim without such a figure.",
        f"Measured on tiny random checkpoints made on the spot: {LAYERS} layers of width {WIDTH} "
        f"with {HEADS} heads, {counts}, at most {TOKENS} tokens, a tokenizer of the family's own "
        "kind trained on a few sentences, and heads scaled until the logits vary over the texts "
        f"with a standard deviation of {LOGIT_SPREAD:g}. **Random weights show structure, not "
        "accuracy**: that every operator, mask, position and label comes through. They leave many "
        "answers close to a border, where a small difference changes a label, so equal labels in "
        "fp16 and int8 say little about a trained model: what that loses is measured when it is "
        "exported, and gated.",
        f"Each row compares {texts} texts, from one word to more than the {TOKENS} tokens that are "
        "read (cut there, as in service), by the code that serves, on a CPU. No gate decides here.",
        f"Versions: {', '.join(f'{name} {version}' for name, version in tools.items())}.",
        f"Run it again: `{COMMAND}`; `--family NAME` tries some families only. Weights and "
        "vocabularies come out the same every time.",
    ]


def _table(trials: Iterable[Trial]) -> list[str]:
    lines = [TITLES, ["---"] * len(TITLES), *(_row(trial) for trial in trials)]
    return [f"| {' | '.join(line)} |" for line in lines]


def _row(trial: Trial) -> list[str]:
    family = f"{trial.family.name} ({trial.family.vocabulary.kind})"
    measured = trial.measured
    if measured is None:
        reason = trial.reason.replace("|", "\\|")
        return [family, trial.precision, f"no: {reason}", "", "", "", ""]
    return [
        family,
        trial.precision,
        f"yes: {measured.parity.agreement:.4f}",
        f"{measured.parity.max_score_difference:.6f}",
        "yes" if measured.batch_invariant else f"no: {_moved(trial)}",
        trial.fused,
        trial.int8_layers,
    ]


def _moved(trial: Trial) -> str:
    return f"{trial.measured.parity.batch_max_score_difference:.4f}" if trial.measured else ""


def _explanation() -> list[str]:
    return [
        "### How to read the tables",
        "- **exported**: the share of equal labels, of texts or of their tokens, or the error of "
        "the library that does not get through.\n"
        "- **largest score difference**: of any score of any text or token, from 0 to 1.\n"
        "- **batch-invariant**: whether an answer is the same alone and in any company, score "
        "within 0.0001; otherwise the largest difference. The service runs a graph that is not "
        "batch-invariant one text at a time, so its answers never depend on their neighbours, at "
        "the price of throughput. Fp16 outside a fused node rounds differently from one batch "
        "shape to the next.\n"
        "- **fused nodes**: what ONNX Runtime's BERT fusions merged. `nothing` means export does "
        "not apply them to this family: ONNX Runtime merges what it can when it loads the graph.\n"
        "- **int8 layers**: linear layers in int8, one scale a token; the head stays in fp32. "
        "Where that misses its gate, export searches the fewest layers to keep in fp32 as well.",
    ]
