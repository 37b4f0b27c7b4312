"""Answers Arrow tables, as Ray Data and Spark hand them around, which spread rows themselves."""

import pyarrow as pa

from score.options import ScoreOptions
from score.output.formats import answer_schema
from score.readers.rows import make_row
from score.scorers.load import open_scorer


class TableScorer:
    """One model, and its answers for a table at a time.

    Args:
        options: with an id column; source and output are not looked at.

    Raises:
        ScoreError: the model cannot be had, or an option is not for it.
    """

    def __init__(self, options: ScoreOptions) -> None:
        self._columns = options.columns
        self._scorer = open_scorer(options)

    def answer(self, table: pa.Table) -> pa.Table:
        """Return a row for each of the table, in its order, with the id under its own name."""
        columns = self._columns
        ids = table.column(columns.id)
        nothing = [None] * len(table)
        pairs = table.column(columns.text_pair).to_pylist() if columns.text_pair else nothing
        cells = zip(ids.to_pylist(), table.column(columns.text).to_pylist(), pairs, strict=True)
        rows = [make_row(number, *three) for number, three in enumerate(cells)]
        answers = iter(self._scorer.start([row for row in rows if not row.fault])())
        found = [{"error": row.fault} if row.fault else next(answers) for row in rows]
        answered = pa.Table.from_pylist(found, answer_schema(self._scorer.task))
        return answered.add_column(0, columns.id, ids)
