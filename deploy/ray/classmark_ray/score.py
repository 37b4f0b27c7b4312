"""`python -m classmark_ray.score`: `classmark score` for many Parquet files on many nodes.

Ray Data reads, keeps one model an actor, writes, and remembers the ids that are written: the same
command goes on where one that was killed has stopped. Ray's environment has Classmark here.
"""

import argparse
import json
import os
import sys
from dataclasses import asdict, dataclass

import pyarrow as pa
import ray
from pyarrow.fs import FileSystem, FileType
from ray.data import ActorPoolStrategy, DataContext
from ray.data.checkpoint import CheckpointConfig

from offline.command import run
from score.errors import ScoreError
from score.options import ScoreOptions, read_options
from score.tables import TableScorer

# One for a task that lists, reads or writes, and one for the actor that knows the written ids.
SPARE_CPUS = 2


@dataclass(frozen=True, slots=True)
class Job:
    """What is scored, where, and how it is spread.

    Attributes:
        source, out, checkpoint: folders that every node reaches, or URIs.
        actors: at most; each has a model and `cpus` executors.
        block_bytes: what is answered, written and remembered at once, and lost at most.
    """

    source: str
    out: str
    checkpoint: str
    actors: int
    cpus: int
    block_bytes: int


class Actor:
    """One model, and its answers for a block."""

    def __init__(self, options: ScoreOptions, cpus: int) -> None:
        os.environ["CLASSMARK_EXECUTORS"] = str(cpus)
        self._scorer = TableScorer(options)

    def __call__(self, table: pa.Table) -> pa.Table:
        return self._scorer.answer(table)


def read_job(given: list[str]) -> tuple[Job, ScoreOptions]:
    """Parse a command line; what is not the job's is as for `classmark score`."""
    parser = argparse.ArgumentParser(prog="python -m classmark_ray.score", description=__doc__)
    add = parser.add_argument
    add("--in", dest="source", required=True, metavar="FOLDER", help="of .parquet files, or a URI")
    add("--out", required=True, metavar="FOLDER", help="or a URI")
    add("--checkpoint", metavar="FOLDER", help="or a URI (OUT.checkpoint)")
    add("--actors", type=int, default=1, metavar="N", help="at most (1)")
    add("--cpus", type=int, default=1, metavar="N", help="of each (1)")
    add("--block-bytes", type=int, default=1 << 20, metavar="N", help="of a part (1 MiB)")
    mine, others = parser.parse_known_args(given)
    mine.checkpoint = mine.checkpoint or f"{mine.out.rstrip('/')}.checkpoint"
    for name in ("source", "out", "checkpoint"):
        setattr(mine, name, _absolute(getattr(mine, name)))
    options = read_options([mine.source, "--out", mine.out, *others])
    if options.columns.id is None or options.version is None:
        raise ScoreError(
            "--id-column and --version are needed: rows are known by their ids, and actors that "
            "start later must load what the others have"
        )
    if options.url is not None or options.on_error == "fail":
        raise ScoreError("--url and --on-error fail are of `classmark score` alone; leave them out")
    return Job(**vars(mine)), options


def check_checkpoint(job: Job, options: ScoreOptions) -> None:
    """Keep what this run is beside its checkpoint; raise ScoreError where that is of another."""
    described = {
        "model": f"{options.model}/{options.version}",
        **asdict(options.columns),
        **asdict(options.answers),
    }
    files, path = FileSystem.from_uri(f"{job.checkpoint}.json")
    if files.get_file_info(path).type == FileType.NotFound:
        with files.open_output_stream(path) as file:
            file.write(json.dumps(described, indent=1).encode())
        return
    with files.open_input_stream(path) as file:
        before = json.loads(file.read())
    if before != described:
        raise ScoreError(
            f"{job.checkpoint} is of a run with {before}, and this one has {described}; give the "
            "same options, or other folders for --out and --checkpoint"
        )


def _absolute(place: str) -> str:
    return place if "://" in place else os.path.abspath(place)


def check_cluster(job: Job) -> None:
    """Raise ScoreError where the job would wait for ever: it holds CPUs beside its actors'."""
    there, needed = ray.cluster_resources().get("CPU", 0), job.cpus + SPARE_CPUS
    if there < needed:
        raise ScoreError(
            f"the cluster has {there:g} CPUs, and an actor of {job.cpus} needs {SPARE_CPUS} more "
            "beside it, to read and to leave out what is written; add a node, or give less --cpus"
        )


def score(job: Job, options: ScoreOptions) -> None:
    """Answer every row whose id is not written yet."""
    context = DataContext.get_current()
    # Kept: a run that has ended, started again, writes nothing twice.
    context.checkpoint_config = CheckpointConfig(
        options.columns.id, job.checkpoint, delete_checkpoint_on_success=False
    )
    # Its own sizes would make one block, one part and one checkpoint of a million short texts.
    context.target_min_block_size, context.target_max_block_size = 1, job.block_bytes
    rows = ray.data.read_parquet(job.source).select_columns(
        list(dict.fromkeys(options.columns.names))
    )
    rows.map_batches(
        Actor,
        fn_constructor_args=(options, job.cpus),
        batch_format="pyarrow",
        batch_size=None,
        compute=ActorPoolStrategy(min_size=1, max_size=job.actors),
        num_cpus=job.cpus,
    ).write_parquet(job.out)


def _main(given: list[str]) -> int:
    job, options = read_job(given)
    check_checkpoint(job, options)
    ray.init("auto", log_to_driver=False)
    check_cluster(job)
    score(job, options)
    return 0


if __name__ == "__main__":
    sys.exit(run(_main, None, report="the command line and a few rows of the input"))
