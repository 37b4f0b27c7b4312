"""Reader of columns: Parquet and Arrow files, and what the `datasets` library saves to disk."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from offline.errors import DataError
from offline.readers.examples import RawRow
from offline.readers.layout import DataFile

# Files of a data set's folder, and of a folder with one data set for each split.
STATE, SPLITS = "state.json", "dataset_dict.json"


def splits(folder: Path) -> list[str] | None:
    """Return the names of the splits in a folder, None if it is no folder of splits."""
    return _json(folder / SPLITS)["splits"] if (folder / SPLITS).is_file() else None


def read_dataset(file: DataFile) -> Iterator[RawRow]:
    """Yield the rows of a folder that `save_to_disk` wrote, or of a Parquet or Arrow file.

    Classes that the file holds as numbers come by their names, where it knows them.

    Raises:
        DataError: pyarrow is missing, the folder or file is none of these, or a column is missing.
    """
    number = 0
    names: dict[str, list[str]] | None = None
    for batch in _batches(file):
        if names is None:
            file.check_header(batch.schema.names)
            names = _class_names(batch.schema.metadata or {})
        wanted = [name for name in batch.schema.names if name in file.columns.values()]
        unread = dict.fromkeys(name for name in batch.schema.names if name not in wanted)
        for row in batch.select(wanted).to_pylist():
            number += 1
            known = {name: _named(value, names.get(name)) for name, value in row.items()}
            yield file.place(number), unread | known


def _batches(file: DataFile) -> Iterator[Any]:
    """Yield the record batches of all files of a data set, in its order."""
    try:
        import pyarrow
        from pyarrow import ipc, parquet
    except ImportError as exc:
        problem = "reading it takes pyarrow, which the extra `train` has: pip install pyarrow"
        raise DataError(problem, file=file.path) from exc
    for path in _shards(file.path):
        try:
            if path.suffix == ".parquet":
                yield from parquet.ParquetFile(path).iter_batches()
                continue
            with pyarrow.memory_map(str(path)) as source:
                is_stream = source.read(6) != b"ARROW1"
                source.seek(0)
                if is_stream:
                    yield from ipc.open_stream(source)
                else:
                    opened = ipc.open_file(source)
                    yield from map(opened.get_batch, range(opened.num_record_batches))
        except (pyarrow.ArrowException, OSError) as exc:
            raise DataError(f"cannot be read: {str(exc).splitlines()[0]}", file=path) from exc


def _shards(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    if names := splits(path):
        problem = f"the data set has the splits {', '.join(names)}; name one: {path / names[0]}"
        raise DataError(problem, file=path)
    if not (path / STATE).is_file():
        problem = f"the folder has no {STATE}, so it is no data set that save_to_disk wrote"
        raise DataError(f"{problem}; name a file", file=path)
    return [path / one["filename"] for one in _json(path / STATE)["_data_files"]]


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise DataError(f"cannot be read: {exc}", file=path) from exc


def _class_names(metadata: Mapping[bytes, bytes]) -> dict[str, list[str]]:
    """Return the names of classes by column, from what the library notes beside the columns."""
    noted = json.loads(metadata.get(b"huggingface", b"{}"))
    features: Mapping[str, Any] = noted.get("info", {}).get("features", {})
    found = {}
    for column, feature in features.items():
        # A list of classes: the feature of its items is in it, once itself in a list.
        inner = feature[0] if isinstance(feature, list) else feature.get("feature", feature)
        if isinstance(inner, dict) and "names" in inner:
            found[column] = inner["names"]
    return found


def _named(value: Any, names: list[str] | None) -> Any:
    """Put names in place of class numbers; -1 is the library's mark of no label."""
    if names is None or value is None:
        return value
    if isinstance(value, list):
        return [_named(one, names) for one in value]
    return names[value] if 0 <= value < len(names) else None
