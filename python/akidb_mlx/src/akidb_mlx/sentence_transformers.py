"""What sentence-transformers adds to a model: pooling, prompts, the token limit.

Follows sentence-transformers 6, as AkiDB's native backend does. Out of scope: `config.json`, which
is transformers' own.
"""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from .config_file import ConfigFile, read_json, read_json_object
from .errors import UnsupportedModelError
from .pooling import Pooling

_MODULES = "Transformer, Pooling and then perhaps Normalize"
_POOLINGS = {
    "mean": Pooling.MEAN,
    "cls": Pooling.CLS,
    "max": Pooling.MAX,
    "lasttoken": Pooling.LAST,
}
_OLD_KEYS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
_TRANSFORMER_FILES = (
    "sentence_bert_config.json",
    "sentence_roberta_config.json",
    "sentence_camembert_config.json",
    "sentence_xlm-roberta_config.json",
)
_PROMPTS_BY_TYPE = {"query": ("query",), "document": ("document", "passage", "corpus")}


@dataclass(frozen=True)
class SentenceTransformersConfig:
    """The settings of a model beyond its network."""

    pooling: Pooling
    normalize: bool
    prompts: dict[str, str]
    """What is put before a text, by the prompt's name."""
    default_prompt_name: str | None
    max_tokens: int
    """The most tokens of a text that are read, special tokens included."""
    do_lower_case: bool

    @classmethod
    def read(cls, directory: Path, network_max_tokens: int) -> "SentenceTransformersConfig":
        """Read the files in `directory`, all of which may be absent but `config.json`."""
        pooling, normalize = _read_modules(directory)
        transformer = next(
            (found for name in _TRANSFORMER_FILES if (found := _read_if_there(directory / name))),
            {},
        )
        prompts = _read_if_there(directory / "config_sentence_transformers.json")
        by_name = {name: text or "" for name, text in (prompts.get("prompts") or {}).items()}
        limit = transformer.get("max_seq_length")
        if limit is None:
            tokenizer = _read_if_there(directory / "tokenizer_config.json")
            limit = tokenizer.get("model_max_length") or network_max_tokens
        return cls(
            pooling=pooling,
            normalize=normalize,
            prompts=by_name,
            default_prompt_name=prompts.get("default_prompt_name"),
            max_tokens=int(min(limit, network_max_tokens)),
            do_lower_case=bool(transformer.get("do_lower_case", False)),
        )

    def prompt_for(self, input_type: str | None) -> str:
        """Say what is put before a `query`, a `document`, or a text of no type (`None`).

        A type without a prompt does not fall back to the default one.
        """
        if input_type is None:
            names: tuple[str, ...] = (self.default_prompt_name or "",)
        elif input_type in _PROMPTS_BY_TYPE:
            names = _PROMPTS_BY_TYPE[input_type]
        else:
            raise ValueError(
                f"the input type {input_type!r} is unknown, allowed are query, document"
            )
        return next((self.prompts[name] for name in names if name in self.prompts), "")


def _read_if_there(file: Path) -> dict[str, Any]:
    return read_json_object(file) if file.is_file() else {}


def _read_modules(directory: Path) -> tuple[Pooling, bool]:
    file = directory / "modules.json"
    if not file.is_file():
        return _default_pooling(directory), False
    modules = read_json(file)
    kinds = [str(module["type"]).rpartition(".")[2] for module in modules]
    if kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
        raise UnsupportedModelError(file, "type", ", ".join(kinds), _MODULES)
    folder = PurePosixPath(modules[1].get("path", ""))
    if folder.is_absolute() or ".." in folder.parts or modules[0].get("path"):
        raise UnsupportedModelError(file, "path", folder, "a folder inside the model")
    return _read_pooling(directory / folder / "config.json"), len(kinds) > 2  # noqa: PLR2004


def _default_pooling(directory: Path) -> Pooling:
    """Pool a model without modules as sentence-transformers does."""
    names = ConfigFile.read(directory / "config.json").get("architectures") or [""]
    return Pooling.LAST if str(names[0]).endswith("ForCausalLM") else Pooling.MEAN


def _read_pooling(file: Path) -> Pooling:
    settings = read_json_object(file)
    if settings.get("include_prompt") is False:
        raise UnsupportedModelError(file, "include_prompt", "false", "true")
    modes = settings.get("pooling_mode")
    if modes is None:
        modes = [mode for key, mode in _OLD_KEYS.items() if settings.get(key) is True] or ["mean"]
    modes = [modes] if isinstance(modes, str) else modes
    if len(modes) != 1 or modes[0] not in _POOLINGS:
        found, known = " and ".join(map(str, modes)), ", ".join(_POOLINGS)
        raise UnsupportedModelError(file, "pooling_mode", found, f"one of {known}")
    return _POOLINGS[modes[0]]
