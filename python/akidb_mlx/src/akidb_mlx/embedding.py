"""Texts to vectors in one call, for use from Python.

Out of scope: AkiDB's own way, which tokenizes in the node and batches many requests.
"""

import os
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .encoder import Encoder, EncoderOptions
from .errors import MissingFileError
from .pooling import Pooling
from .sentence_transformers import SentenceTransformersConfig
from .tokenizer import TextTokenizer

CACHE = "AKIDB_MODELS"
"""The environment variable that names the folder of models, else `~/.cache/akidb/models`."""


@dataclass(frozen=True)
class EmbeddingModel:
    """A model that embeds texts as sentence-transformers would."""

    directory: Path
    encoder: Encoder
    settings: SentenceTransformersConfig
    tokenizer: TextTokenizer

    @property
    def dimension(self) -> int:
        """The values of a vector."""
        return self.encoder.network.hidden_size


def models_folder() -> Path:
    """Say where models are kept that are known by a name."""
    chosen = os.environ.get(CACHE)
    return Path(chosen) if chosen else Path.home() / ".cache" / "akidb" / "models"


def init_model(path_or_name: str | Path, options: EncoderOptions | None = None) -> EmbeddingModel:
    """Open a model by its directory, or by its name in `models_folder()`.

    Raises `ModelError`; nothing is downloaded, see `download_model`.
    """
    directory = Path(path_or_name)
    if not directory.is_dir():
        directory = models_folder() / path_or_name
    if not directory.is_dir():
        raise MissingFileError(
            directory, f"akidb_mlx.download_model({str(path_or_name)!r}) fetches a known model"
        )
    encoder = Encoder.open(directory, options or EncoderOptions())
    settings = SentenceTransformersConfig.read(directory, encoder.network.max_tokens)
    tokenizer = TextTokenizer.open(directory, encoder.architecture, settings)
    return EmbeddingModel(directory, encoder, settings, tokenizer)


def embed_texts(
    model: EmbeddingModel,
    texts: Sequence[str],
    *,
    input_type: str | None = None,
    pooling: Pooling | None = None,
    normalize: bool | None = None,
) -> "memoryview[float]":
    """Embed texts into float32 `[texts, dimension]`, a buffer that `numpy.asarray` takes as it is.

    `input_type` is `query` or `document` and chooses the prompt; `pooling` and `normalize` are the
    model's own unless given. The end of a text beyond the model's limit is not read. Runs on the
    thread that opened the model.
    """
    if not texts:
        return memoryview(b"").cast("f")
    prompt = model.settings.prompt_for(input_type)
    token_ids = model.tokenizer.tokenize([prompt + text for text in texts])
    empty = next((text for text, ids in enumerate(token_ids) if not ids), None)
    if empty is not None:
        raise ValueError(f"text {empty} has no tokens")
    kind = model.settings.pooling if pooling is None else pooling
    wanted = model.settings.normalize if normalize is None else normalize
    rows = model.encoder.encode(
        array("i", [token for ids in token_ids for token in ids]),
        array("i", map(len, token_ids)),
        array("i", [kind] * len(texts)),
        array("B", [wanted] * len(texts)),
    )
    return rows.cast("B").cast("f", (len(texts), model.dimension))
