"""Find the weight files of a checkpoint folder, and refuse those that nothing reads."""

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from export.checkpoint.folders import refuse_folder
from export.errors import CheckpointRefused

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
ADAPTERS = ("adapter_config.json", "adapter_model.safetensors", "adapter_model.bin")
LFS_HEAD = b"version https://git-lfs"
# Suffixes of files that hold trained weights, whoever wrote them.
SUFFIXES = {".safetensors", ".bin", ".pt", ".pth", ".pkl", ".pickle", ".joblib", ".npy", ".npz"}
# The same model in another format or precision, and what a training keeps to go on.
KNOWN = re.compile(
    r"model\.(safetensors|\w+\.safetensors)|(pytorch|openvino|adapter)_model\S*\.bin"
    r"|(training_args|tokenizer|vocab)\.bin|(optimizer|scheduler|scaler)\S*\.(pt|bin)"
    r"|rng_state\S*\.pth|label_?encoder\S*"
)
# Earlier states of a training, and copies for other runtimes.
OTHER_FOLDERS = re.compile(r"\..*|(checkpoint|global_step)-?\d+|onnx|openvino|coreml|runs|logs")


def find_weights(path: Path) -> list[Path]:
    """Return the safetensors files that transformers reads, in the order of their names.

    Raises:
        CheckpointRefused: there are none, one is missing, or trained weights lie beside them.
    """
    files = _named_files(path)
    _refuse_adapter(path)
    if not files:
        refuse_folder(path, "weights in safetensors")
    for file in files:
        if not file.is_file():
            remedy = "copy or download the whole checkpoint again"
            raise CheckpointRefused(path, f"{INDEX} names {file.name}, which is missing", remedy)
    refuse_strays(path, files)
    return files


def refuse_strays(path: Path, read: Sequence[Path]) -> None:
    """Raise CheckpointRefused if trained weights lie beside those that are read."""
    strays = sorted(str(one.relative_to(path)) for one in _weight_files(path) if one not in read)
    if strays:
        shown = ", ".join(strays[:3]) + (", ..." if len(strays) > 3 else "")
        raise CheckpointRefused(
            path,
            f"nothing reads the weights beside the classifier's in {len(strays)} files ({shown})",
            "if they belong to the model, another class is needed, which cannot be exported; if "
            "not, move them away",
        )


def refuse_pointers(path: Path) -> None:
    """Raise CheckpointRefused if a file is a Git LFS pointer: the text that stands for the file."""
    for file in sorted(path.iterdir()):
        if file.is_file() and file.stat().st_size < 1024 and _head(file).startswith(LFS_HEAD):
            found = f"{file.name} is a Git LFS pointer, not the file itself"
            raise CheckpointRefused(path, found, "run `git lfs pull` in its repository")


def hash_files(files: Sequence[Path]) -> str:
    """Return the sha256 of the files one after the other."""
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _named_files(path: Path) -> list[Path]:
    if (path / WEIGHTS).exists():
        return [path / WEIGHTS]
    if not (path / INDEX).exists():
        return []
    try:
        names = {
            str(name) for name in json.loads((path / INDEX).read_bytes())["weight_map"].values()
        }
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as exc:
        remedy = "save the checkpoint again"
        raise CheckpointRefused(path, f"its {INDEX} cannot be read ({exc!r})", remedy) from exc
    return [path / name for name in sorted(names)]


def _refuse_adapter(path: Path) -> None:
    found = [name for name in ADAPTERS if (path / name).exists()]
    if found:
        raise CheckpointRefused(
            path,
            f"an adapter (PEFT: {', '.join(found)}) lies beside the weights",
            "move it into a folder of its own, and give that as --adapter unless it is merged "
            "into the weights already",
        )


def _weight_files(path: Path) -> Iterator[Path]:
    for item in sorted(path.iterdir()):
        if item.is_dir() and not OTHER_FOLDERS.fullmatch(item.name):
            yield from (one for one in sorted(item.iterdir()) if one.suffix in SUFFIXES)
        elif item.is_file() and item.suffix in SUFFIXES and not KNOWN.fullmatch(item.name):
            yield item


def _head(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.read(len(LFS_HEAD))
