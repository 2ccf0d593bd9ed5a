"""The shape of a Qwen3 decoder.

Out of scope: running one.
"""

from dataclasses import dataclass
from typing import Any

from .config_file import ConfigFile

MODEL_TYPE = "qwen3"


@dataclass(frozen=True)
class Qwen3Config:
    """The shape of a Qwen3 decoder (Yang et al., 2025, arXiv:2505.09388)."""

    hidden_size: int
    """The values of a token's state."""
    layers: int
    heads: int
    key_value_heads: int
    """The heads that have keys and values of their own; they divide `heads`."""
    head_size: int
    """The values of one attention head, an even number."""
    intermediate_size: int
    vocabulary: int
    max_tokens: int
    """The positions that the model was trained for."""
    norm_epsilon: float
    rope_theta: float
    """The base of the wavelengths of rotary positions."""

    @classmethod
    def read(cls, file: ConfigFile) -> "Qwen3Config":
        """Read the settings of a decoder."""
        file.require("hidden_act", "silu", "swish")
        file.require("attention_bias", "false")
        file.require("use_sliding_window", "false")
        file.require("is_causal", "true")
        for kind in file.get("layer_types") or []:
            if kind != "full_attention":
                raise file.unsupported("layer_types", kind, "full_attention")
        heads = file.size("num_attention_heads")
        key_value_heads = file.size("num_key_value_heads", heads)
        if heads % key_value_heads:
            raise file.damaged(
                f"num_attention_heads {heads} cannot be divided by num_key_value_heads "
                f"{key_value_heads}"
            )
        head_size = file.size("head_dim", 128)
        if head_size % 2:
            raise file.damaged(f"head_dim {head_size} is not even")
        return cls(
            hidden_size=file.size("hidden_size"),
            layers=file.size("num_hidden_layers"),
            heads=heads,
            key_value_heads=key_value_heads,
            head_size=head_size,
            intermediate_size=file.size("intermediate_size"),
            vocabulary=file.size("vocab_size"),
            max_tokens=file.size("max_position_embeddings"),
            norm_epsilon=file.positive("rms_norm_eps", 1e-6),
            rope_theta=_rope_theta(file),
        )


def _rope_theta(file: ConfigFile) -> float:
    """Read the base in the spelling of transformers 4 or 5; refuse stretched positions."""
    parameters: dict[str, Any] = {}
    for key in ("rope_scaling", "rope_parameters"):
        settings = file.get(key)
        if settings is None:
            continue
        if not isinstance(settings, dict):
            raise file.damaged(f"{key} is no object")
        kind = settings.get("rope_type") or settings.get("type") or "default"
        if kind != "default":
            raise file.unsupported(f"{key}.rope_type", kind, "default")
        parameters = settings
    theta = parameters.get("rope_theta", file.get("rope_theta"))
    return file.check_positive("rope_theta", 10_000.0 if theta is None else theta)
