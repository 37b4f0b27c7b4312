"""Export, `verify` and the service ask the same of a bundle, so they never disagree about one."""

from pathlib import Path

import pytest

import app.engine.models.loader
from app.engine.backends.onnxruntime import OnnxRuntimeBackend
from app.engine.models.loader import load_servable
from export.__main__ import main
from export.errors import GateFailed
from export.parity.tolerances import TOLERANCES
from export.pipeline import Request, export_bundle
from export.progress import Progress
from tests.support.checkpoints import make_checkpoint
from tests.support.families import Family
from tests.support.vocabularies import ROBERTA

SMALL = {
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
}
ENCODER_DECODERS = (
    Family("bart", "BartTokenizerFast", ROBERTA, SMALL),
    Family("mbart", "PreTrainedTokenizerFast", ROBERTA, SMALL),
)


@pytest.mark.parametrize("family", ENCODER_DECODERS, ids=lambda one: one.name)
def test_a_head_that_looks_for_a_special_token_is_exported_and_loads(
    family: Family, quiet: Progress, tmp_path: Path
) -> None:
    folder = make_checkpoint(family, "sequence-classification", tmp_path / "checkpoint")
    request = Request(folder, "m", tmp_path / "store", ("fp32",), TOLERANCES)
    bundle = export_bundle(request, quiet)
    assert load_servable(bundle, OnnxRuntimeBackend(), None).name == "m"
    assert main(["verify", str(bundle)]) == 0


def test_what_does_not_load_is_not_written_and_not_verified(
    store: Path,
    sentiment: Path,
    quiet: Progress,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no memory for the longest text")

    monkeypatch.setattr(app.engine.models.loader, "reserve_memory", fail)
    with pytest.raises(GateFailed, match="fp32 graph as written is not servable: .*no memory for"):
        export_bundle(Request(sentiment, "m", tmp_path, ("fp32",), TOLERANCES), quiet)
    assert main(["verify", str(store / "sentiment" / "1")]) == 1
    assert "fp32: FAILED: " in capsys.readouterr().out
