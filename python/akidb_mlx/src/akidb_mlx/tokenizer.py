"""Texts to token numbers, for use from Python; AkiDB's node tokenizes for itself.

Needs the package `tokenizers`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import DamagedFileError, MissingExtraError, MissingFileError
from .pooling import Pooling
from .sentence_transformers import SentenceTransformersConfig

_QWEN3_END = "<|endoftext|>"
"""What a text that is pooled by its last token ends with for Qwen3."""


@dataclass(frozen=True)
class TextTokenizer:
    """The tokenizer of a model, which cuts the end off what is too long."""

    tokenizer: Any

    @classmethod
    def open(
        cls, directory: Path, architecture: str, settings: SentenceTransformersConfig
    ) -> "TextTokenizer":
        """Read `tokenizer.json`; its own truncation and padding are overruled."""
        try:
            import tokenizers  # noqa: PLC0415 (only texts need it)
        except ImportError as error:
            what_for = "texts are tokenized by the package tokenizers"
            raise MissingExtraError(what_for, "tokenizers") from error
        file = directory / "tokenizer.json"
        if not file.is_file():
            raise MissingFileError(file, "a model that embeds texts has a fast tokenizer")
        try:
            tokenizer = tokenizers.Tokenizer.from_file(str(file))
        except Exception as error:  # the library raises Exception itself
            raise DamagedFileError(file, str(error)) from error
        tokenizer.no_padding()
        tokenizer.no_truncation()
        if settings.do_lower_case:
            steps = [tokenizers.normalizers.Lowercase(), tokenizer.normalizer]
            tokenizer.normalizer = tokenizers.normalizers.Sequence(
                [step for step in steps if step is not None]
            )
        if architecture == "qwen3" and settings.pooling == Pooling.LAST:
            _end_texts(file, tokenizers, tokenizer)
        tokenizer.enable_truncation(settings.max_tokens)
        return cls(tokenizer)

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Tokenize texts, special tokens included."""
        return [encoding.ids for encoding in self.tokenizer.encode_batch(list(texts))]


def _end_texts(file: Path, tokenizers: Any, tokenizer: Any) -> None:
    """End every text with Qwen3's token, unless the tokenizer ends texts with a token itself."""
    if tokenizer.encode("a").special_tokens_mask[-1:] == [1]:
        return
    token = tokenizer.token_to_id(_QWEN3_END)
    if token is None:
        raise DamagedFileError(
            file, f"its post-processor ends texts with no token, its vocabulary lacks {_QWEN3_END}"
        )
    ending = tokenizers.processors.TemplateProcessing(
        single=f"$A {_QWEN3_END}",
        pair=f"$A {_QWEN3_END} $B {_QWEN3_END}",
        special_tokens=[(_QWEN3_END, token)],
    )
    steps = [step for step in (tokenizer.post_processor, ending) if step is not None]
    tokenizer.post_processor = tokenizers.processors.Sequence(steps)
