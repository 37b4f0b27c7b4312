"""Write report.md: the figures of a bundle for people."""

from collections.abc import Sequence

from app.bundle.manifest import Manifest
from export.parity.candidate import Candidate, VerifiedGraphs
from export.report.markdown import table
from export.report.scores import scoring_sections
from export.scores.scoring import Scoring

PACKED_NOTE = (
    "The packed graph is for CUDA: texts follow one another without padding. Its figures are those "
    "of its operators in NumPy, rounding where the device rounds; on a device it is checked again "
    "when it is loaded."
)


def write_report(
    manifest: Manifest, verified: VerifiedGraphs, scoring: Scoring, warnings: Sequence[str] = ()
) -> str:
    """Return the Markdown report of a bundle.

    Args:
        warnings: what no comparison with the checkpoint can notice.
    """
    sections = [
        [f"# {manifest.name}, version {manifest.version}", "", _summary(manifest)],
        *_warnings(verified, warnings),
        ["## Graphs", "", *_graphs(verified)],
        ["## Parity with the checkpoint", "", *_parity(verified.all)],
        ["## Recipes", "", *_recipes(verified)],
    ]
    if manifest.evaluation is not None:
        sections.append(["## Evaluation", "", *_evaluation(manifest, verified.all)])
    if manifest.task == "token-classification":
        sections.append(["## Entities", "", _entities(manifest)])
    sections += scoring_sections(manifest, scoring)
    sections.append(["## Tools", "", ", ".join(f"{k} {v}" for k, v in manifest.tools.items())])
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def _warnings(verified: VerifiedGraphs, warnings: Sequence[str]) -> list[list[str]]:
    """Return the section of what is not as it should be, if anything is not."""
    missed = [f"{one}; the bundle is without it" for one in verified.missed]
    undecided = [
        f"{one.graph.mode}: {phrase}" for one in verified.all for phrase in one.verdict.undecided
    ]
    lines = [f"- {line}." for line in (*warnings, *missed, *undecided)]
    return [["## Warnings", "", *lines]] if lines else []


def _summary(manifest: Manifest) -> str:
    source = manifest.source
    return (
        f"{manifest.task} ({manifest.problem_type}) from the checkpoint `{source.checkpoint}`: "
        f"{source.architecture}, {source.parameters / 1e6:.1f} M parameters, at most "
        f"{manifest.max_length} tokens, {len(manifest.labels)} labels: "
        f"{', '.join(manifest.labels)}. Made {manifest.created_at:%Y-%m-%d %H:%M} UTC."
    )


def _graphs(verified: VerifiedGraphs) -> list[str]:
    rows = [
        (
            str(one.graph.mode),
            f"{one.graph.bytes / 1e6:.1f} MB",
            "not measured" if one.speed is None else f"{one.speed:.0f}",
            "yes" if one.measured.batch_invariant else "no: runs one text at a time",
            str(one.graph.opset),
        )
        for one in verified.all
    ]
    measured = verified.padded[0].measured
    lines = [
        *table(("precision", "size", "texts/s", "batch-invariant", "opset"), rows),
        "",
        "Texts/s: ONNX Runtime on the CPU of the machine that exported, each text alone, "
        f"{measured.callers} one-thread callers at once; {measured.mean_tokens:.0f} tokens a "
        "text on average.",
    ]
    return [*lines, "", PACKED_NOTE] if verified.packed else lines


def _parity(verified: Sequence[Candidate]) -> list[str]:
    rows = []
    for one in verified:
        parity = one.measured.parity
        rows.append(
            (
                str(one.graph.mode),
                str(parity.inputs),
                f"{parity.agreement:.4f}",
                f"{parity.max_score_difference:.5f}",
                f"{parity.batch_agreement:.4f}",
                f"{parity.batch_max_score_difference:.6f}",
                f"{parity.golden_max_score_difference:.5f}",
                str(one.tolerance),
            )
        )
    titles = ("precision", "texts", "equal labels", "largest score difference")
    batched = ("equal labels, batched against alone", "largest score difference, batched")
    return table((*titles, *batched, "golden cases", "gate"), rows)


def _recipes(verified: VerifiedGraphs) -> list[str]:
    lines = []
    for one in verified.all:
        lines.append(f"- {one.graph.mode}: {one.graph.recipe}")
        if one.note:
            lines.append(f"  - {one.note}")
    if verified.unpacked:
        lines.append(f"- no packed graph, on CUDA fp16 is padded: {verified.unpacked}")
    return lines


def _evaluation(manifest: Manifest, verified: Sequence[Candidate]) -> list[str]:
    """Show each graph beside the checkpoint on the same texts, all of them or a sample."""
    evaluation = manifest.evaluation
    if evaluation is None:
        return []
    names = list(evaluation.checkpoint)
    rows = [("checkpoint", str(evaluation.inputs), *_shares(evaluation.checkpoint), "")]
    for one in verified:
        measured = one.measured
        figures = (str(measured.labelled), *_shares(measured.metrics))
        rows.append((str(one.graph.mode), *figures, f"{measured.metric_loss:+.4f}"))
    lost = f"{verified[0].measured.headline} lost on the same texts"
    return table(("", "labelled texts", *names, lost), rows)


def _entities(manifest: Manifest) -> str:
    chosen = manifest.defaults.aggregation_strategy
    read = (
        f"Entities are read with the aggregation strategy `{chosen}` unless a request says "
        "otherwise."
    )
    measured = manifest.evaluation.strategies if manifest.evaluation else {}
    if not measured:
        return (
            f"{read} No labelled texts (--eval) told which finds the most: `first` is usual where "
            "the tokenizer tells where words begin, `simple` elsewhere."
        )
    figures = (f"`{name}` {f1:.4f}" for name, f1 in measured.items())
    return f"{read} The checkpoint's F1 by strategy: {', '.join(figures)}."


def _shares(metrics: dict[str, float]) -> list[str]:
    return [f"{value:.4f}" for value in metrics.values()]
