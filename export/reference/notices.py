"""Say what is odd about a checkpoint's own answers, which no comparison with it can notice."""

from export.checkpoint.config import ModelConfig
from export.checkpoint.labels import lack_names
from export.checkpoint.load import Checkpoint
from export.reference.evaluation import choose, evaluate, find_spans, headline
from export.reference.workload import Workload

# With fewer texts one answer for all may well be right.
LEAST_TEXTS = 10
UNTRAINED = "the graphs repeat that; see that the checkpoint is trained and its labels are in order"


def notices(checkpoint: Checkpoint, workload: Workload) -> tuple[str, ...]:
    """Return a sentence for each odd thing: labels without names, cut texts, one answer for all."""
    found = (
        _no_names(checkpoint.config),
        _cut_texts(checkpoint, workload),
        _one_answer(checkpoint.config, workload),
        _no_score(checkpoint.config, workload),
    )
    return tuple(filter(None, found))


def _no_names(config: ModelConfig) -> str:
    """Tell that answers will have LABEL_0, if that is so; a single value needs no name."""
    if not lack_names(config.labels) or config.problem_type == "regression":
        return ""
    return (
        f"the labels have no names, so answers say {', '.join(config.labels[:3])}; give some in id "
        "order, as in --labels negative,positive, or set id2label where the model is trained"
    )


def _cut_texts(checkpoint: Checkpoint, workload: Workload) -> str:
    """Tell the share of labelled texts that are longer than the model reads."""
    labelled = workload.encoded[: len(workload.examples)]
    cut = sum(one.truncated for one in labelled)
    if not cut:
        return ""
    return (
        f"{cut} of {len(labelled)} labelled texts ({cut / len(labelled):.1%}) are longer than the "
        f"{checkpoint.max_length} tokens that the model reads, and are cut there; train with a "
        "greater --max-length, or let requests read long texts in windows"
    )


def _one_answer(config: ModelConfig, workload: Workload) -> str:
    """Tell the one answer that every text gets, if that is so."""
    texts = len(workload.inputs)
    if texts < LEAST_TEXTS or config.problem_type == "regression":
        return ""
    if config.task == "token-classification":
        logits = enumerate(workload.logits)
        silent = all(not find_spans(config, workload, i, rows) for i, rows in logits)
        return f"the checkpoint finds no entity in any of {texts} texts: {UNTRAINED}" * silent
    answers = {tuple(choose(config, rows)) for rows in workload.logits}
    if len(answers) > 1:
        return ""
    (answer,) = answers
    given = [repr(name) for name, holds in zip(config.labels, answer, strict=True) if holds]
    shown = ", ".join(given) or "no label"
    return f"the checkpoint answers all {texts} texts with {shown}: {UNTRAINED}"


def _no_score(config: ModelConfig, workload: Workload) -> str:
    metrics = evaluate(config, workload, workload.logits)
    if not metrics or metrics[headline(config)] > 0.0:
        return ""
    return (
        f"the checkpoint's {headline(config)} on {len(workload.examples)} labelled texts is 0, so "
        f"no graph can lose any: {UNTRAINED}"
    )
