"""Options of the commands that have many, read before anything slow is imported."""

import argparse
from pathlib import Path
from typing import get_args

from app.bundle import AggregationStrategy, Precision, ProblemType

PRECISIONS: tuple[Precision, ...] = get_args(Precision)
STORE = Path("models")


def export_parser() -> argparse.ArgumentParser:
    """Return the options of an export."""
    parser = argparse.ArgumentParser(
        prog="python -m export",
        description="Export a fine-tuned checkpoint as a verified bundle.",
        epilog="Other commands: list [STORE], inspect BUNDLE, verify BUNDLE, compare A B, "
        "schemes CHECKPOINT, support. A checkpoint folder with such a name is given as ./list.",
    )
    parser.add_argument("checkpoint", type=Path, help="folder that save_pretrained wrote")
    parser.add_argument("--name", required=True, help="name of the model in the store")
    parser.add_argument("--store", type=Path, default=STORE, help="default: %(default)s")
    parser.add_argument(
        "--precision",
        action="append",
        choices=PRECISIONS,
        help="may be given several times; default: all",
    )
    parser.add_argument("--eval", type=Path, metavar="FILE", help="labelled JSON lines")
    parser.add_argument(
        "--problem-type",
        choices=get_args(ProblemType),
        help="default: what config.json says, else single_label",
    )
    parser.add_argument(
        "--aggregation",
        choices=get_args(AggregationStrategy),
        help="how entities are read unless a request says; default: first, or what finds clearly "
        "more of --eval",
    )
    parser.add_argument(
        "--no-calibration", action="store_true", help="leave the checkpoint's scores as they are"
    )
    parser.add_argument(
        "--tune-thresholds",
        action="store_true",
        help="multi-label only: a threshold a label, where its F1 on --eval is best",
    )
    parser.add_argument("--version", type=int, metavar="N", help="default: the next free one")
    parser.add_argument("--opset", type=int, metavar="N", help="default: the exporter's choice")
    parser.add_argument(
        "--tolerance",
        action="append",
        default=[],
        metavar="PRECISION.FIGURE=NUMBER",
        help="change a gate, e.g. int8.agreement=0.97 or int8.metric_loss=0.02",
    )
    return parser


def compare_parser() -> argparse.ArgumentParser:
    """Return the options of a comparison."""
    parser = argparse.ArgumentParser(
        prog="python -m export compare",
        description="Compare the answers of B with those of A on the same texts. Each is a bundle "
        "(STORE/NAME/VERSION) or a checkpoint folder.",
        epilog="Exit code: 0 within the limits, 1 not, 2 if the two cannot be compared.",
    )
    parser.add_argument("a", type=Path, metavar="A", help="what is trusted, e.g. what serves now")
    parser.add_argument("b", type=Path, metavar="B", help="what is held against it")
    parser.add_argument(
        "--data", type=Path, required=True, metavar="FILE", help="JSON lines, labelled or not"
    )
    parser.add_argument(
        "--precision", choices=PRECISIONS, help="graph of a bundle; default: what a CPU serves"
    )
    parser.add_argument(
        "--agreement",
        default="0.98",
        metavar="SHARE",
        help="least share of equal labels; default: %(default)s",
    )
    parser.add_argument(
        "--metric-loss",
        default="0.01",
        metavar="SHARE",
        help="most that B may lose of accuracy, macro F1 (several labels) or entity F1; "
        "default: %(default)s",
    )
    parser.add_argument(
        "--show", type=int, default=20, metavar="N", help="changed answers to list; default: 20"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures, for CI")
    return parser


def schemes_parser() -> argparse.ArgumentParser:
    """Return the options of a measurement of all int8 schemes."""
    parser = argparse.ArgumentParser(
        prog="python -m export schemes",
        description="Measure every scheme of int8 on trained checkpoints: size, speed, agreement, "
        "batch invariance.",
        epilog="A checkpoint's labelled texts are its eval.jsonl, as training writes it; without "
        "one, the built-in texts are taken.",
    )
    parser.add_argument(
        "checkpoint", type=Path, nargs="+", help="folder that save_pretrained wrote"
    )
    parser.add_argument(
        "--texts",
        type=int,
        metavar="N",
        help="measure int8 on about N texts of each, spread over the lengths; default: all",
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="default: standard output")
    return parser
