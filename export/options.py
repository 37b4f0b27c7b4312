"""Define the options of `export` and `compare`, which are read before anything slow is imported."""

import argparse
import sys
from pathlib import Path
from typing import Literal, get_args

from app.bundle.base import AggregationStrategy, Precision, ProblemType
from offline.command import DEBUG
from offline.readers.options import add_layout_options

PRECISIONS: tuple[Precision, ...] = get_args(Precision)
STORE = Path("models")
Expectation = Literal["same", "not-worse", "better"]
Machines = Literal["cpu", "cuda", "both"]
# fp16 is slower than fp32 on a CPU; CUDA takes fp32 where fp16 fails its golden cases there.
PRECISIONS_FOR: dict[Machines, tuple[Precision, ...]] = {
    "cpu": ("fp32", "int8"),
    "cuda": ("fp32", "fp16"),
    "both": PRECISIONS,
}


def export_parser() -> argparse.ArgumentParser:
    """Return the parser of an export."""
    parser = argparse.ArgumentParser(
        description="Export a fine-tuned checkpoint as a verified bundle.",
        epilog="Other commands: list [STORE], inspect BUNDLE, verify BUNDLE, compare A B. "
        "Give a checkpoint folder with such a name as ./list.",
    )
    parser.add_argument("checkpoint", type=Path, help="folder that save_pretrained wrote")
    parser.add_argument("--name", required=True, help="name of the model in the store")
    parser.add_argument("--store", type=Path, default=STORE, help="default: %(default)s")
    parser.add_argument(
        "--eval", type=Path, metavar="FILE", help="labelled texts, in any file that training reads"
    )
    parser.add_argument("--version", type=int, metavar="N", help="default: the next free one")
    parser.add_argument("--opset", type=int, metavar="N", help="default: the exporter's choice")
    parser.add_argument(DEBUG, action="store_true", help="show an error's traceback")
    _add_checkpoint_options(parser)
    _add_graph_options(parser)
    _add_answer_options(parser)
    add_layout_options(parser)
    return parser


def _add_checkpoint_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--adapter", type=Path, metavar="DIR", help="PEFT adapter to merge into the checkpoint"
    )
    parser.add_argument(
        "--tokenizer", type=Path, metavar="DIR", help="its tokenizer, if that lies elsewhere"
    )
    parser.add_argument(
        "--labels",
        type=_names,
        metavar="A,B,C",
        help="names of the labels in id order; default: those in config.json",
    )
    parser.add_argument(
        "--problem-type",
        choices=get_args(ProblemType),
        help="default: what config.json says, else single_label",
    )


def _names(given: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in given.split(","))
    if not all(names) or len(set(names)) != len(names):
        raise argparse.ArgumentTypeError(
            f"{given!r} has an empty name or one twice; give each label a name of its own, "
            "e.g. negative,positive"
        )
    return names


def _add_graph_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--for",
        dest="machines",
        choices=get_args(Machines),
        default="both",
        help="where it is going to run; cpu: fp32 and int8; cuda: fp32, fp16 and the packed graph; "
        "default: %(default)s",
    )
    parser.add_argument(
        "--precision",
        action="append",
        choices=PRECISIONS,
        help="may be given several times; default: those of --for",
    )
    parser.add_argument(
        "--tolerance",
        action="append",
        default=[],
        metavar="PRECISION.FIGURE=NUMBER",
        help="change a limit, e.g. int8.agreement=0.97 or int8.metric_loss=0.02",
    )


def _add_answer_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--max-length",
        type=int,
        metavar="TOKENS",
        help="longest text to serve; default: the longest that the checkpoint reads",
    )
    parser.add_argument(
        "--aggregation",
        choices=get_args(AggregationStrategy),
        help="how entities are read unless a request says; default: first where the tokenizer "
        "tells words, else simple, or another one whose F1 on --eval is clearly better",
    )
    parser.add_argument(
        "--no-calibration", action="store_true", help="keep the checkpoint's own scores"
    )
    parser.add_argument(
        "--tune-thresholds",
        action="store_true",
        help="multi-label only: give each label the threshold with its best F1 on --eval",
    )


def compare_parser() -> argparse.ArgumentParser:
    """Return the parser of a comparison."""
    parser = argparse.ArgumentParser(
        prog=f"{sys.argv[0]} compare",
        description="Compare the answers of B with those of A on the same texts. Each is a bundle "
        "(STORE/NAME/VERSION) or a checkpoint folder.",
        epilog="Exit code: 0 if B is what is expected, 1 if not, 2 if the two cannot be compared.",
    )
    parser.add_argument(
        "a", type=Path, metavar="A", help="the trusted one, e.g. the one that serves"
    )
    parser.add_argument("b", type=Path, metavar="B", help="the one that is compared with A")
    parser.add_argument(
        "--data", type=Path, required=True, metavar="FILE", help="texts, labelled or not"
    )
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        help="graph of a bundle; default: what a CPU serves",
    )
    parser.add_argument(
        "--expect",
        choices=get_args(Expectation),
        help="of B; default: same if it was made from the weights of A, else not-worse",
    )
    parser.add_argument(
        "--agreement",
        default="0.98",
        metavar="SHARE",
        help="with same: least share of equal labels; default: %(default)s",
    )
    parser.add_argument(
        "--metric-loss",
        default="0.01",
        metavar="SHARE",
        help="with same and not-worse: largest loss of B in accuracy, macro F1 (several labels) or "
        "entity F1, unless chance explains it; default: %(default)s",
    )
    parser.add_argument(
        "--show", type=int, default=20, metavar="N", help="changed answers to list; default: 20"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures, for CI")
    add_layout_options(parser)
    return parser
