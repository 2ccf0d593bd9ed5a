"""Fetching a model, from a hub that is made up here."""

import hashlib
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from akidb_mlx.download import download_model
from akidb_mlx.errors import DamagedFileError, ModelError

COMMIT = "0123456789abcdef0123456789abcdef01234567"
WEIGHTS = b"weights"


@dataclass
class FakeHub:
    """What `huggingface_hub` does, of one repository."""

    files: dict[str, bytes]
    hash_of_weights: str = hashlib.sha256(WEIGHTS).hexdigest()
    fetched: list[tuple[str, str, str]] = field(default_factory=list)

    def HfApi(self) -> "FakeHub":  # noqa: N802 (the library's own name)
        return self

    def model_info(self, repository: str, revision: str, files_metadata: bool) -> Any:
        assert files_metadata
        lfs = SimpleNamespace(sha256=self.hash_of_weights)
        siblings = [
            SimpleNamespace(rfilename=name, lfs=lfs if name.endswith(".safetensors") else None)
            for name in self.files
        ]
        return SimpleNamespace(sha=COMMIT, siblings=siblings)

    def hf_hub_download(self, repository: str, name: str, revision: str, local_dir: Path) -> None:
        self.fetched.append((repository, name, revision))
        (local_dir / name).parent.mkdir(parents=True, exist_ok=True)
        (local_dir / name).write_bytes(self.files[name])


FILES = {
    "model.safetensors": WEIGHTS,
    "config.json": b"{}",
    "1_Pooling/config.json": b"{}",
    "vocab.txt": b"",
    "pytorch_model.bin": b"pickle",
    "modeling.py": b"code",
    "onnx/config.json": b"{}",
    "../config.json": b"{}",
    "a/../../config.json": b"{}",
    ".hidden.json": b"{}",
}


def use(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    return hub


def test_only_weights_and_settings_of_one_commit_are_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = use(FakeHub(FILES), monkeypatch)
    monkeypatch.setenv("AKIDB_MODELS", str(tmp_path))
    place = download_model("all-minilm-l6-v2")
    assert place == tmp_path / "all-minilm-l6-v2"
    names = ["model.safetensors", "config.json", "1_Pooling/config.json", "vocab.txt"]
    repository = "sentence-transformers/all-MiniLM-L6-v2"
    assert hub.fetched == [(repository, name, COMMIT) for name in names]
    assert (place / "1_Pooling/config.json").is_file()


def test_weights_of_another_hash_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(FakeHub(FILES, hash_of_weights="0" * 64), monkeypatch)
    with pytest.raises(DamagedFileError, match="its SHA-256 is not 0000"):
        download_model("a/model", directory=tmp_path)
    assert not (tmp_path / "model.safetensors").exists()


def test_another_commit_and_a_model_of_pickles_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = use(FakeHub(FILES), monkeypatch)
    with pytest.raises(ModelError, match="asked was ffff"):
        download_model("a/model", "f" * 40, tmp_path)
    hub.files = {"config.json": b"{}", "pytorch_model.bin": b""}
    with pytest.raises(ModelError, match="no weights in safetensors"):
        download_model("a/model", directory=tmp_path)
    assert hub.fetched == []
