"""Fetching a model from the Hugging Face hub, only when asked to.

Needs the package `huggingface_hub`. Only weights in safetensors and settings are fetched, of one
commit; weights are compared with the hash that the hub keeps of them.
"""

import hashlib
import re
from pathlib import Path
from typing import Any

from .errors import DamagedFileError, MissingExtraError, ModelError

REPOSITORIES = {
    "all-minilm-l6-v2": "sentence-transformers/all-MiniLM-L6-v2",
    "bge-small-en-v1.5": "BAAI/bge-small-en-v1.5",
    "bge-m3": "BAAI/bge-m3",
    "multilingual-e5-small": "intfloat/multilingual-e5-small",
    "qwen3-0.6b-4bit": "mlx-community/Qwen3-Embedding-0.6B-4bit-DWQ",
    "qwen3-embedding-0.6b": "Qwen/Qwen3-Embedding-0.6B",
}
"""The repositories of models that are known by a name."""

_ENDINGS = (".safetensors", ".json", ".txt")
_FOLDERS = re.compile(r"^(\d+_[A-Za-z]+/)?[^/\\]+$")
"""The model's own folder, and those of sentence-transformers' modules such as `1_Pooling`."""
_COMMIT = re.compile(r"[0-9a-f]{40}")
_BLOCK_BYTES = 1 << 20


def download_model(
    name_or_repository: str, revision: str = "main", directory: str | Path | None = None
) -> Path:
    """Fetch a model's files at `revision` into `directory`, and say where they are.

    `revision` is a branch, a tag or a commit; where it is a commit, exactly that one is fetched or
    none. `directory` is a folder of the model's name in `models_folder()` unless given. Raises
    `ModelError` where the repository has no safetensors or a file is not what the hub says.
    """
    try:
        import huggingface_hub as hub  # noqa: PLC0415 (only downloading needs it)
    except ImportError as error:
        what_for = "models are fetched by the package huggingface_hub"
        raise MissingExtraError(what_for, "download") from error
    from .embedding import models_folder  # noqa: PLC0415 (only downloading needs it)

    repository = REPOSITORIES.get(name_or_repository, name_or_repository)
    place = models_folder() / name_or_repository.rpartition("/")[2].lower()
    place = place if directory is None else Path(directory)
    details = hub.HfApi().model_info(repository, revision=revision, files_metadata=True)
    commit = _check_commit(repository, revision, str(details.sha))
    files = [file for file in details.siblings or [] if is_wanted(file.rfilename)]
    if not any(file.rfilename.endswith(".safetensors") for file in files):
        raise ModelError(f"{repository} at {commit} has no weights in safetensors")
    for file in files:
        hub.hf_hub_download(repository, file.rfilename, revision=commit, local_dir=place)
        _check_hash(place / file.rfilename, file)
    return place


def is_wanted(name: str) -> bool:
    """Say whether a file of a repository is fetched."""
    return name.endswith(_ENDINGS) and _FOLDERS.match(name) is not None and not name.startswith(".")


def _check_commit(repository: str, revision: str, commit: str) -> str:
    if not _COMMIT.fullmatch(commit):
        raise ModelError(f"the hub names no commit of {repository} for {revision}: {commit}")
    if _COMMIT.fullmatch(revision) and revision != commit:
        raise ModelError(f"the hub has the commit {commit} of {repository}, asked was {revision}")
    return commit


def _check_hash(file: Path, entry: Any) -> None:
    expected = getattr(entry.lfs, "sha256", None)
    if expected is None:
        return
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while block := content.read(_BLOCK_BYTES):
            digest.update(block)
    if digest.hexdigest() != expected:
        file.unlink()
        raise DamagedFileError(file, f"its SHA-256 is not {expected}, it was removed")
