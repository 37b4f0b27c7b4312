"""One loaded bundle version: everything needed to answer with it."""

import logging
import weakref
from collections.abc import Sequence

from app.bundle.base import LongText
from app.bundle.bundle import Bundle
from app.bundle.manifest import GraphFile, Manifest
from app.engine.answers.tags import read_tags
from app.engine.backends.base import Backend, Mode, RuntimeSpec, Session
from app.engine.batching.cost_model import Cost
from app.engine.text.encoding import EncodedInput, Encoding, Logits, TextInput
from app.engine.text.tokenization import Tokenizer
from app.errors import BundleError
from app.telemetry.series import ModelLabels

logger = logging.getLogger(__name__)

WINDOW_STRIDE_TOKENS = 64


class Servable:
    """A loaded model version, immutable once it serves.

    Requests, entries and batches hold it by reference: after a swap the old version lives exactly
    as long as something in flight still needs it, and its session is freed with the last of them.
    """

    def __init__(
        self,
        bundle: Bundle,
        runtime: RuntimeSpec,
        tokenizer: Tokenizer,
        session: Session,
    ) -> None:
        self.bundle = bundle
        self.runtime = runtime
        self.tokenizer = tokenizer
        self.tags = read_tags(bundle.manifest.labels, bundle.manifest.tag_scheme)
        self.cost = Cost(0.0, 1e-6, tokenizer.max_length, packed=runtime.kind == "packed")
        self.batch_invariant = self.graph.batch_invariant
        self.metric_labels = ModelLabels(self.name, str(self.version))
        self._session = session
        weakref.finalize(self, logger.info, "model closed", extra=self.identity)

    @classmethod
    def load(cls, bundle: Bundle, backend: Backend, mode: Mode | None = None) -> "Servable":
        """Load one graph of a bundle; raise BundleError saying what is wrong with it.

        Args:
            mode: the graph to run; None takes the best that the bundle has.
        """
        manifest = bundle.manifest
        if mode is None:
            mode = next(one for one in backend.modes if one.find_graph(manifest) is not None)
        graph = mode.find_graph(manifest)
        if graph is None:
            raise BundleError(
                f"{bundle.path} has no {mode} graph, only {', '.join(manifest.graphs)}; set "
                f"CLASSMARK_PRECISION=auto, or export with --precision {mode.precision}"
            )
        tokenizer = make_tokenizer(bundle.read_tokenizer(), manifest)
        session = backend.load(bundle.read_graph(graph), graph, mode, manifest)
        runtime = RuntimeSpec(backend.provider, mode, session.execution)
        return cls(bundle, runtime, tokenizer, session)

    @property
    def manifest(self) -> Manifest:
        return self.bundle.manifest

    @property
    def graph(self) -> GraphFile:
        graph = self.runtime.mode.find_graph(self.manifest)
        assert graph is not None  # it was loaded
        return graph

    @property
    def identity(self) -> dict[str, str | int]:
        """Fields that tell this servable from others in a log line."""
        return {
            "model": self.name,
            "version": self.version,
            "runtime": str(self.runtime),
            "execution": self.runtime.execution.kind,
        }

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def version(self) -> int:
        return self.manifest.version

    def encode(self, source: TextInput, long_text: LongText, max_windows: int) -> EncodedInput:
        return self.tokenizer.encode(source, long_text, max_windows)

    def run(self, encodings: Sequence[Encoding]) -> list[Logits]:
        return self._session.run(encodings)

    @property
    def cost_key(self) -> tuple[object, ...]:
        """All that decides the cost of a run: the network's shape and the graph's recipe."""
        source, graph = self.manifest.source, self.graph
        return (source.architecture, source.parameters, str(self.runtime), graph.recipe)


def make_tokenizer(data: bytes, manifest: Manifest) -> Tokenizer:
    """Return a bundle's tokenizer; only entities need the offsets of tokens in the text."""
    words = manifest.task == "sequence-classification"
    settings = manifest.tokenizer.settings
    return Tokenizer(data, manifest.max_length, WINDOW_STRIDE_TOKENS, settings, words=words)
