"""A tiny random BERT, made on the spot, and files to train it on."""

import string
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

WORDS = (
    "the a of film was good great fun bad dull poor anna smith paris rome lives in met ##s ##ton"
)

# Options that make the tiny encoder learn in seconds.
FAST = ("--epochs", "15", "--learning-rate", "3e-3", "--eval-fraction", "0.25", "--patience", "9")
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Compute on one thread: models this small wait for each other on more."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a two-layer BERT encoder with 32 dimensions and 64 positions."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("encoder")
    letters = [*string.ascii_lowercase, *string.digits, *".,!?'-@我们在北京"]
    vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS.split(), *letters]
    vocab += [f"##{letter}" for letter in string.ascii_lowercase]
    vocab = list(dict.fromkeys(vocab))
    (folder / "vocab.txt").write_text("\n".join(vocab), encoding="utf-8")
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocab),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(folder)
    BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=64).save_pretrained(folder)
    return folder


@pytest.fixture
def run(encoder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command on a file; return its exit code, its output and its errors."""
    from training.__main__ import main

    def command(task: str, data: Path, *options: str) -> tuple[int, str, str]:
        out = tmp_path / "checkpoint"
        arguments = ["--task", task, "--data", str(data), "--base", str(encoder)]
        arguments += ["--out", str(out), "--max-length", "32", *options]
        code = main(arguments)
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


@pytest.fixture
def reviews() -> list[dict[str, Any]]:
    """Forty different texts whose label stands in one of their words."""
    names = ("anna", "smith", "paris", "rome", "a")
    good = [f"the film of {n} was {w} {i}" for i, n in enumerate(names) for w in _GOOD]
    bad = [f"the film of {n} was {w} {i}" for i, n in enumerate(names) for w in _BAD]
    rows = [{"text": text, "label": "positive"} for text in good]
    return rows + [{"text": text, "label": "negative"} for text in bad]


_GOOD = ("good", "great", "fun", "good fun")
_BAD = ("bad", "dull", "poor", "bad poor")


@pytest.fixture
def people() -> list[dict[str, Any]]:
    """Forty texts with a person and a place."""
    rows = []
    for i in range(40):
        person, place = ("Anna", "Anna Smith")[i % 2], ("Paris", "Rome", "Romeston")[i % 3]
        text = f"{person} lives in {place} {i}."
        spans = [
            (0, len(person), "PER"),
            (text.index(place), text.index(place) + len(place), "LOC"),
        ]
        rows.append(
            {"text": text, "spans": [{"start": s, "end": e, "label": n} for s, e, n in spans]}
        )
    return rows
