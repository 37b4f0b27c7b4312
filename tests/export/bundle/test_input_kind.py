"""A bundle says what its model reads: what the rows of --eval have."""

import pytest

from app.engine.text.encoding import TextInput
from export.bundle.manifest import input_kind
from export.reference.examples import Example

TEXT, PAIR = Example(TextInput("a")), Example(TextInput("a", "b"))


@pytest.mark.parametrize(
    ("examples", "kind"),
    [([], "any"), ([TEXT, TEXT], "text"), ([PAIR, PAIR], "pair"), ([TEXT, PAIR], "any")],
)
def test_a_bundle_reads_what_all_rows_of_eval_are(examples: list[Example], kind: str) -> None:
    assert input_kind(examples) == kind
