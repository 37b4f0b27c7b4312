"""The way of a run: read rows ahead, let them be answered, write each chunk as a part, join."""

from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from score.errors import RunFailed
from score.options import ScoreOptions
from score.output.formats import OutputRow, check_ending, find_format
from score.output.parts import Parts, claim
from score.progress import ScoreProgress
from score.readers.rows import Chunk, Row, Source, cut
from score.readers.source import open_source
from score.scorers.base import Answer, Answers, Scorer
from score.scorers.load import open_scorer

# Chunks at a time: one is written while one runs and one is encoded.
AHEAD = 3


@dataclass(frozen=True, slots=True)
class StartedChunk:
    chunk: Chunk
    answers: Answers

    def rows(self) -> Iterator[tuple[Row, Answer]]:
        """Wait, and yield each row with its answer."""
        answers = iter(self.answers())
        for row in self.chunk.rows:
            yield row, {"error": row.fault} if row.fault else next(answers)


def score_file(options: ScoreOptions, progress: ScoreProgress) -> int:
    """Answer every row once and in order; return how many have an error instead.

    Raises:
        ScoreError: options or input that cannot be used.
        RunFailed: the run cannot go on; another with the same options can.
    """
    check_ending(options.out)
    source = open_source(options.source, options.columns, options.encoding)
    with claim(options.out) as parts:
        scorer = open_scorer(options)
        try:
            parts.check(describe(options, scorer))
            with progress:
                Run(options, scorer, source, parts, progress).go()
        finally:
            scorer.close()
        return parts.errors


def describe(options: ScoreOptions, scorer: Scorer) -> dict[str, Any]:
    """Return all that decides what the parts hold."""
    status = options.source.stat()
    return {
        "input": str(options.source.resolve()),
        "input_bytes": status.st_size,
        "input_changed_ns": status.st_mtime_ns,
        "encoding": options.encoding,
        **{f"{name}_column": value for name, value in asdict(options.columns).items()},
        **asdict(options.answers),
        **scorer.identity,
    }


class Run:
    """Chunks on their way from the input to the parts."""

    def __init__(
        self,
        options: ScoreOptions,
        scorer: Scorer,
        source: Source,
        parts: Parts,
        progress: ScoreProgress,
    ) -> None:
        self._options = options
        self._scorer = scorer
        self._source = source
        self._parts = parts
        self._progress = progress
        id_type = None if options.columns.id is None else source.id_type
        self._format = find_format(options.out, scorer.task, id_type)

    def go(self) -> None:
        """Answer what no part has, then make the output of all parts."""
        started: deque[StartedChunk] = deque()
        for chunk in cut(self._source):
            if self._parts.has(chunk.number):
                self._progress.skip(len(chunk.rows), chunk.share)
                continue
            sound = [row for row in chunk.rows if not row.fault]
            started.append(StartedChunk(chunk, self._scorer.start(sound)))
            if len(started) == AHEAD:
                self._finish(started.popleft())
        while started:
            self._finish(started.popleft())
        self._parts.join(self._format)
        self._progress.end()

    def _finish(self, started: StartedChunk) -> None:
        rows = [self._output(row, answer) for row, answer in started.rows()]
        self._parts.write(started.chunk.number, rows, self._format)
        errors = sum("error" in row for row in rows)
        self._progress.advance(len(rows), errors, started.chunk.share)

    def _output(self, row: Row, answer: Answer) -> OutputRow:
        if "error" in answer and self._options.on_error == "fail":
            raise RunFailed(f"row {row.number}: {answer['error']} (--on-error report goes on)")
        identity = {} if self._options.columns.id is None else {"id": row.id}
        return {"row": row.number} | identity | answer
