"""Finds the data to train on, and to evaluate on, in what the command names."""

from dataclasses import dataclass
from pathlib import Path

from offline.errors import DataError
from offline.readers.datasets import STATE, splits

# What evaluation data is called; of a data set's splits the first that there is.
_EVALUATION = ("eval", "validation", "dev", "test")


@dataclass(frozen=True, slots=True)
class Sources:
    """The file to train on, and optionally the file to evaluate on."""

    train: Path
    evaluation: Path | None = None


def find_sources(data: Path, eval_data: Path | None) -> Sources:
    """Resolve a file, a data set, or a folder with train.* and optionally eval.* or test.*.

    Of a folder that the `datasets` library saved, `validation` goes before `test`, which stays
    unseen then.
    """
    if not data.is_dir():
        return Sources(data, eval_data)
    if (names := splits(data)) is not None:
        return _of_splits(data, names, eval_data)
    if (data / STATE).is_file():
        return Sources(data, eval_data)
    train = _only(data, ("train",))
    if train is None:
        raise DataError("the folder has no file train.*; add one or name a file", file=data)
    return Sources(train, eval_data or _only(data, _EVALUATION))


def _of_splits(folder: Path, names: list[str], eval_data: Path | None) -> Sources:
    if "train" not in names:
        problem = (
            f"the data set has no split train among {', '.join(names)}; name one as the folder"
        )
        raise DataError(problem, file=folder)
    held_out = next((name for name in _EVALUATION if name in names), None)
    return Sources(folder / "train", eval_data or (folder / held_out if held_out else None))


def _only(folder: Path, stems: tuple[str, ...]) -> Path | None:
    found = sorted(path for path in folder.iterdir() if path.is_file() and path.stem in stems)
    if len(found) > 1:
        names = " and ".join(path.name for path in found)
        raise DataError(f"{names} compete; keep one or name the file itself", file=folder)
    return found[0] if found else None
