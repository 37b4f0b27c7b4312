"""Turns text into token ids with the `tokenizers` library."""

import json
from functools import partial

import numpy as np
import tokenizers

from app.bundle.base import LongText
from app.bundle.manifest import TokenizerSettings
from app.engine.text.encoding import EncodedInput, Encoding, Ids, TextInput
from app.engine.text.word_cache import WordCache
from app.errors import BundleError, InvalidRequest, brief

# Encoding this many characters takes about a millisecond. Longer texts are encoded without the GIL,
# and callers on an event loop use a thread: such a text would hold up every other request.
SHORT_CHARACTERS = 2048
DEFAULT_SETTINGS = TokenizerSettings()


class Tokenizer:
    """A checkpoint's own fast tokenizer with the bundle's length limit.

    The library is always asked for overlapping windows, from the side that truncation keeps;
    `truncate` then takes the first, which is the same as truncation. So one tokenizer object, never
    reconfigured, serves every long-text policy from any thread.

    Args:
        settings: those of the checkpoint's tokenizer that `data` does not hold.
        words: put ids together from those of known words where that is exact; the library then
            finds the offsets only on request.
    """

    def __init__(
        self,
        data: bytes,
        max_length: int,
        stride_tokens: int,
        settings: TokenizerSettings = DEFAULT_SETTINGS,
        *,
        words: bool = False,
    ) -> None:
        try:
            self._tokenizer = tokenizers.Tokenizer.from_buffer(data)
        except ValueError as exc:
            raise BundleError(f"the bundle's tokenizer.json does not load: {exc}") from exc
        self.max_length = max_length
        # A stride must leave room for new tokens in every window, whatever the special tokens.
        self.stride_tokens = min(stride_tokens, max_length // 4)
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(
            max_length, stride=self.stride_tokens, direction=settings.truncation_side
        )
        self._tokenizer.encode_special_tokens = settings.split_special_tokens
        self._settings = settings
        self._prefixed = bool(getattr(self._tokenizer.model, "continuing_subword_prefix", None))
        self._unknown_id = settings.unknown_id
        if settings.unknown_id is None:
            self._unknown_id = _unknown_id(self._tokenizer, data)
        # Some checkpoints have one token for unknown pieces and for the end of a text.
        added = self._tokenizer.encode("").ids
        self._counted_id = None if self._unknown_id in added else self._unknown_id
        enough = words and WordCache.are_enough(self._tokenizer)
        self._words = WordCache(self._tokenizer, max_length) if enough else None
        self._no_types = np.zeros(max_length, np.int64)
        self._no_types.flags.writeable = False

    def encode(self, source: TextInput, long_text: LongText, max_windows: int) -> EncodedInput:
        """Encode one input.

        Raises:
            InvalidRequest: the long-text policy refuses it, or the tokenizer cannot read it.
        """
        try:
            return self._encode_input(source, long_text, max_windows)
        except InvalidRequest:
            raise
        except BaseException as exc:  # a panic of the library is no Exception
            if isinstance(exc, (KeyboardInterrupt, SystemExit, GeneratorExit)):
                raise
            raise InvalidRequest(
                f"the model's tokenizer cannot read this text ({type(exc).__name__}: "
                f"{brief(str(exc), 120)}); leave out unusual characters, or export the checkpoint "
                "with another tokenizer"
            ) from exc

    def _encode_input(
        self, source: TextInput, long_text: LongText, max_windows: int
    ) -> EncodedInput:
        ids = self._encode_words(source)
        if ids is not None:
            window = Encoding(
                ids,
                self._no_types[: len(ids)],
                read_source=partial(self._encode, source),
                read_subwords=partial(self._subwords, source.text),
            )
            return self._input(source, (window,), truncated=False)
        first = self._encode(source)
        overflow = first.overflowing if first.overflowing else []
        if overflow and long_text == "error":
            raise InvalidRequest(
                f"the text is longer than the model's {self.max_length} tokens and long_text is "
                "'error'; shorten it, or ask for long_text 'truncate' or 'window'"
            )
        raw = [first]
        if overflow and long_text == "window":
            if source.text_pair is not None:
                raise InvalidRequest(
                    f"the pair is longer than the model's {self.max_length} tokens and a pair "
                    "cannot be cut into windows; shorten it, or ask for long_text 'truncate'"
                )
            if len(overflow) + 1 > max_windows:
                raise InvalidRequest(
                    f"the text needs {len(overflow) + 1} windows of {self.max_length} tokens and "
                    f"the limit is {max_windows}; split the text, or ask for long_text 'truncate'"
                )
            raw += overflow
            if self._settings.truncation_side == "left":
                raw.reverse()  # into reading order
        windows = tuple(self._window(encoding, source.text) for encoding in raw)
        return self._input(source, windows, truncated=bool(overflow) and len(raw) == 1)

    def _input(
        self, source: TextInput, windows: tuple[Encoding, ...], *, truncated: bool
    ) -> EncodedInput:
        unknown = 0
        if self._counted_id is not None:
            unknown = sum([window.ids.tolist().count(self._counted_id) for window in windows])
        return EncodedInput(source, windows, truncated, self.stride_tokens, unknown)

    def _encode_words(self, source: TextInput) -> Ids | None:
        if self._words is None or source.text_pair is not None:
            return None
        return self._words.encode(source.text) if len(source.text) <= SHORT_CHARACTERS else None

    def _encode(self, source: TextInput) -> tokenizers.Encoding:
        if source.characters <= SHORT_CHARACTERS:
            return self._tokenizer.encode(source.text, source.text_pair)
        # Only batches release the GIL; a long text that holds it would hold up the event loop.
        whole = source.text if source.text_pair is None else (source.text, source.text_pair)
        return self._tokenizer.encode_batch([whole])[0]

    def _window(self, encoding: tokenizers.Encoding, text: str) -> Encoding:
        ids = np.array(encoding.ids, np.int64)
        typed = self._settings.token_types
        return Encoding(
            ids,
            np.array(encoding.type_ids, np.int64) if typed else self._no_types[: len(ids)],
            read_source=lambda: encoding,
            read_subwords=partial(self._subwords, text),
        )

    def _subwords(self, text: str, encoding: tokenizers.Encoding) -> list[bool]:
        """Tell which tokens continue a word, as transformers' token-classification pipeline does.

        Source: transformers `TokenClassificationPipeline.gather_pre_entities`.
        """
        flags = []
        pieces = zip(encoding.ids, encoding.tokens, encoding.offsets, strict=True)
        for token_id, token, (start, end) in pieces:
            if token_id == self._unknown_id:
                flags.append(False)
            elif self._prefixed:
                flags.append(len(token) != end - start)
            else:
                flags.append(start > 0 and " " not in text[start - 1 : start + 1])
        return flags


def _unknown_id(tokenizer: tokenizers.Tokenizer, data: bytes) -> int | None:
    """Return the id of unknown pieces; the library's Unigram does not tell, but its file does."""
    token = getattr(tokenizer.model, "unk_token", None)
    if token is not None:
        known: int | None = tokenizer.token_to_id(token)
        return known
    if isinstance(tokenizer.model, tokenizers.models.Unigram):
        unknown: int | None = json.loads(data)["model"].get("unk_id")
        return unknown
    return None
