"""Writes bert/ and qwen3-causal/, which test_networks.py compares the networks here with.

    python -m venv venv && venv/bin/pip install torch transformers
    venv/bin/python make_goldens.py

Each folder is a tiny model of random weights as `transformers` saves it, with the prefixes of its
names, and `states.json`: texts as token numbers, and the state of the last token and the mean of
all of them, each text run alone in 32 bits.
"""

import json
import random
from pathlib import Path

import torch
import transformers

FOLDER = Path(__file__).parent
VOCABULARY, LONGEST = 120, 48


def randomise(network: torch.nn.Module) -> None:
    """Weights large enough that the vectors of different texts differ."""
    torch.manual_seed(5)
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if weight.dim() > 1:
                scale = 1.0 if "embed" in name else 2.0 / weight.shape[1] ** 0.5
                value = torch.randn_like(weight) * scale
            else:
                offset = 1.0 if "norm" in name.lower() and "bias" not in name else 0.0
                value = offset + 0.2 * torch.randn_like(weight)
            weight.copy_(value.half().float())


def save(name: str, network: transformers.PreTrainedModel, body: torch.nn.Module) -> None:
    randomise(network)
    network.eval()
    choice = random.Random(3)
    lengths = [1, 2, 3, 7, 8, 9, 12, 16, 17, 25, 33, LONGEST]
    texts = [[choice.randrange(VOCABULARY) for _ in range(length)] for length in lengths]
    last, mean = [], []
    for text in texts:
        with torch.no_grad():
            states = body(torch.tensor([text])).last_hidden_state[0]
        last.append([round(value, 6) for value in states[-1].tolist()])
        mean.append([round(value, 6) for value in states.mean(0).tolist()])
    network.half().save_pretrained(FOLDER / name)
    (FOLDER / name / "generation_config.json").unlink(missing_ok=True)
    golden = {"token_ids": texts, "last": last, "mean": mean}
    (FOLDER / name / "states.json").write_text(json.dumps(golden) + "\n")


def main() -> None:
    bert = transformers.BertConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=LONGEST,
        hidden_act="gelu",
    )
    network = transformers.BertForMaskedLM(bert)
    save("bert", network, network.bert)
    qwen3 = transformers.Qwen3Config(
        vocab_size=VOCABULARY,
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=6,
        num_key_value_heads=2,
        head_dim=32,
        max_position_embeddings=64,
        rope_parameters={"rope_type": "default", "rope_theta": 1_000_000.0},
        tie_word_embeddings=False,
    )
    network = transformers.Qwen3ForCausalLM(qwen3)
    save("qwen3-causal", network, network.model)


main()
