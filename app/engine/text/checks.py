"""Checks what concerns one input, before and after it is encoded."""

from app.bundle.base import InputKind
from app.engine.text.encoding import EncodedInput, TextInput
from app.errors import InvalidRequest


def check_kind(source: TextInput, reads: InputKind) -> None:
    """Raise InvalidRequest for a pair where the model reads single texts, or the other way."""
    if reads == "any" or (reads == "pair") == (source.text_pair is not None):
        return
    raise InvalidRequest(
        'the model reads pairs and this is a single text; send {"text": …, "text_pair": …}, or '
        "export the bundle again with single texts in --eval too"
        if reads == "pair"
        else "the model reads single texts and this is a pair; send one text, or export the bundle "
        "again with pairs in --eval too"
    )


def check_tokens(encoded: EncodedInput) -> None:
    """Raise InvalidRequest for a text of which the model would read nothing."""
    if not encoded.windows[0].tokens:
        raise InvalidRequest(
            "the text has no token that the model knows, such as one of blanks alone; leave it "
            "out, or send another"
        )
