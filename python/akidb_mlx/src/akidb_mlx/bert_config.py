"""The shape of a BERT, RoBERTa or XLM-R encoder.

Out of scope: running one.
"""

from dataclasses import dataclass

from .config_file import ConfigFile

MODEL_TYPES = ("bert", "roberta", "xlm-roberta", "camembert")
ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_python": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "gelu_accurate": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_python_tanh": "gelu_tanh",
    "quick_gelu": "quick_gelu",
    "relu": "relu",
}


@dataclass(frozen=True)
class BertConfig:
    """The shape of a BERT encoder (Devlin et al., 2018, arXiv:1810.04805), RoBERTa or XLM-R.

    RoBERTa is Liu et al., 2019, arXiv:1907.11692; XLM-R is Conneau et al., 2019, arXiv:1911.02116.
    """

    model_type: str
    hidden_size: int
    """The values of a token's state."""
    layers: int
    heads: int
    """The attention heads of a layer; they divide `hidden_size`."""
    intermediate_size: int
    """The values between the two matrices of a layer's feed-forward part."""
    vocabulary: int
    token_types: int
    position_rows: int
    """The rows of the position embeddings; a RoBERTa uses those after its padding token."""
    padding_token: int | None
    """The padding token of the RoBERTa family, from which positions are counted."""
    layer_norm_epsilon: float
    activation: str
    """`gelu`, `gelu_tanh`, `quick_gelu` or `relu`."""

    @property
    def first_position(self) -> int:
        """The row of the position embeddings that a text's first token has."""
        return 0 if self.padding_token is None else self.padding_token + 1

    @property
    def max_tokens(self) -> int:
        """The most tokens of a text."""
        return self.position_rows - self.first_position

    @classmethod
    def read(cls, file: ConfigFile) -> "BertConfig":
        """Read the settings of an encoder."""
        file.require("position_embedding_type", "absolute")
        file.require("is_decoder", "false")
        file.check_divides("hidden_size", "num_attention_heads")
        activation = file.text("hidden_act", "gelu")
        if activation not in ACTIVATIONS:
            raise file.unsupported("hidden_act", activation, ", ".join(ACTIVATIONS))
        model_type = file.text("model_type")
        position_rows = file.size("max_position_embeddings")
        return cls(
            model_type=model_type,
            hidden_size=file.size("hidden_size"),
            layers=file.size("num_hidden_layers"),
            heads=file.size("num_attention_heads"),
            intermediate_size=file.size("intermediate_size"),
            vocabulary=file.size("vocab_size"),
            token_types=file.size("type_vocab_size", 2),
            position_rows=position_rows,
            padding_token=None if model_type == "bert" else _padding_token(file, position_rows),
            layer_norm_epsilon=file.positive("layer_norm_eps", 1e-12),
            activation=ACTIVATIONS[activation],
        )


def _padding_token(file: ConfigFile, position_rows: int) -> int:
    token = file.settings.get("pad_token_id", 1)
    if not isinstance(token, int) or isinstance(token, bool) or token < 0:
        raise file.damaged(
            f"pad_token_id is {file.text('pad_token_id', 'null')}, and positions "
            "are counted from it"
        )
    if token >= position_rows - 1:
        raise file.damaged(
            f"pad_token_id {token} leaves no position of max_position_embeddings {position_rows}"
        )
    return token
