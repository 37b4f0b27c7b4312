"""Run `python -m export`: export a checkpoint, or list, inspect, verify and compare bundles."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from app.errors import BundleError, ClassmarkError
from export.options import PRECISIONS_FOR, STORE, compare_parser, export_parser
from offline.command import foreseen, run
from offline.readers.options import layout_of


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code.

    Returns:
        0 done, 1 a check failed, 2 bad input, 70 an error that nobody foresaw, 130 stopped.
    """
    return run(_run, arguments, report="the checkpoint's config.json", exit_code=_exit_code)


def _run(given: Sequence[str]) -> int:
    command = COMMANDS.get(given[0] if given else "")
    return command(given[1:]) if command else _export(given)


def _exit_code(exc: BaseException) -> int | None:
    """Return the exit code of an error whose message explains it; the service's explain theirs."""
    if isinstance(exc, BundleError):
        return 1
    return 2 if isinstance(exc, ClassmarkError) else foreseen(exc)


def _export(arguments: Sequence[str]) -> int:
    options = export_parser().parse_args(arguments)
    _work_offline()
    # Imported here: torch and transformers take seconds, and a wrong option is told at once.
    from export.checkpoint.load import CheckpointOptions
    from export.parity.tolerances import change_tolerances
    from export.pipeline import Request, export_bundle
    from export.progress import Progress

    console = Console()
    request = Request(
        checkpoint=options.checkpoint,
        name=options.name,
        store=options.store,
        precisions=tuple(dict.fromkeys(options.precision or PRECISIONS_FOR[options.machines])),
        tolerances=change_tolerances(options.tolerance),
        evaluation=options.eval,
        version=options.version,
        max_length=options.max_length,
        opset=options.opset,
        options=CheckpointOptions(
            options.adapter, options.tokenizer, options.problem_type, options.labels
        ),
        aggregation=options.aggregation,
        calibrate=not options.no_calibration,
        tune_thresholds=options.tune_thresholds,
        machines=options.machines,
        layout=layout_of(options),
    )
    target = export_bundle(request, Progress(console))
    console.print(
        f"Wrote {target} (see {target / 'report.md'}).\n"
        f"Serve it: classmark serve --model-store {request.store}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    return 0


def _list(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog=f"{sys.argv[0]} list", description="List a store.")
    parser.add_argument("store", type=Path, nargs="?", default=STORE)
    from export.bundle.inspect import list_store

    return list_store(parser.parse_args(arguments).store, Console())


def _inspect(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog=f"{sys.argv[0]} inspect", description="Show the manifest of a bundle."
    )
    parser.add_argument("bundle", type=Path, help="STORE/NAME/VERSION")
    from export.bundle.inspect import inspect_bundle

    return inspect_bundle(parser.parse_args(arguments).bundle, Console())


def _verify(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog=f"{sys.argv[0]} verify",
        description="Check manifest, checksums, loading, golden cases and batch invariance.",
    )
    parser.add_argument("bundle", type=Path, help="STORE/NAME/VERSION")
    options = parser.parse_args(arguments)
    from export.bundle.verify import verify_bundle

    return verify_bundle(options.bundle, Console())


def _compare(arguments: Sequence[str]) -> int:
    options = compare_parser().parse_args(arguments)
    _work_offline()
    from export.compare.compare import CompareRequest, compare_versions
    from export.parity.tolerances import Tolerance, read_share
    from export.progress import Progress

    request = CompareRequest(
        a=options.a,
        b=options.b,
        data=options.data,
        tolerance=Tolerance(
            agreement=read_share("--agreement", options.agreement),
            metric_loss=read_share("--metric-loss", options.metric_loss),
        ),
        expect=options.expect,
        precision=options.precision,
        show=options.show,
        figures=options.json,
        layout=layout_of(options),
    )
    return compare_versions(request, Progress(Console()))


COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "list": _list,
    "inspect": _inspect,
    "verify": _verify,
    "compare": _compare,
}


def _work_offline() -> None:
    """Keep the Hugging Face libraries from asking a hub about a local folder."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


if __name__ == "__main__":
    sys.argv[0] = "python -m export"  # as its usage calls it
    sys.exit(main())
