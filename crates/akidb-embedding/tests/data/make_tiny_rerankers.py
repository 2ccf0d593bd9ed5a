"""Writes tiny/*-reranker and tiny/pairs.json, which tests/it/rerankers.rs compares the native backend
with.

    python -m venv venv && venv/bin/pip install torch transformers
    venv/bin/python make_tiny_rerankers.py

Each folder is a cross-encoder of random weights, as transformers saves it, and `logits.f32`: what
`AutoModelForSequenceClassification` answers for the pairs in `pairs.json`, in 32-bit floating point
and little-endian. A pair is two places in `texts.json`, a query's and a document's. It is tokenized
and cut as `CrossEncoder` of sentence-transformers does ("longest_first") and run alone, so that no
padding has a part in its logit.

Weights are kept in 16 bits to keep the files small; both sides read the same ones.
"""

import json
import pathlib
import random
import shutil

import numpy
import tokenizers
import torch
import transformers
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers

FOLDER = pathlib.Path(__file__).parent / "tiny"
PAIRS = 200
MAX_TOKENS = 64
BERT_TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ROBERTA_TOKENS = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
SHAPE = {
    "hidden_size": 48,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_labels": 1,
}


def read_texts() -> list[str]:
    return json.loads((FOLDER / "texts.json").read_text(encoding="utf-8"))


def make_pairs(texts: list[str]) -> list[list[int]]:
    """Every text twice, once as a query and once as a document, so that either is cut, or both."""
    choice = random.Random(13)
    documents = list(range(len(texts)))
    choice.shuffle(documents)
    return [list(pair) for pair in zip(range(len(texts)), documents)][:PAIRS]


def word_piece() -> tokenizers.Tokenizer:
    tokenizer = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(
        vocab_size=180, special_tokens=BERT_TOKENS, show_progress=False
    )
    tokenizer.train_from_iterator(read_texts(), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0",
        pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    return tokenizer


def as_bert() -> transformers.PreTrainedTokenizerFast:
    names = ["pad_token", "unk_token", "cls_token", "sep_token", "mask_token"]
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=word_piece(),
        model_max_length=MAX_TOKENS,
        **dict(zip(names, BERT_TOKENS)),
    )


def of_embedder(name: str) -> transformers.PreTrainedTokenizerFast:
    """The tokenizer of one of the tiny embedding models, which has the template of its family."""
    names = ["bos_token", "pad_token", "eos_token", "unk_token", "mask_token"]
    return transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(FOLDER / name / "tokenizer.json"),
        cls_token="<s>",
        sep_token="</s>",
        model_max_length=MAX_TOKENS,
        model_input_names=["input_ids", "attention_mask"],
        **dict(zip(names, ROBERTA_TOKENS)),
    )


def randomise(network: torch.nn.Module) -> None:
    """Weights large enough that the logits of different pairs differ."""
    torch.manual_seed(17)
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if weight.dim() == 2:
                scale = 1.0 if "embed" in name else 2.0 / weight.shape[1] ** 0.5
                value = torch.randn_like(weight) * scale
            else:
                offset = 1.0 if "norm" in name.lower() and "bias" not in name else 0.0
                value = offset + 0.2 * torch.randn_like(weight)
            weight.copy_(value.to(torch.bfloat16).float())


def logits(network, tokenizer) -> tuple[numpy.ndarray, int]:
    texts, values, cut = read_texts(), [], 0
    for query, document in make_pairs(texts):
        pair = (texts[query], texts[document])
        whole = tokenizer(*pair)
        features = tokenizer(
            *pair, truncation="longest_first", max_length=MAX_TOKENS, return_tensors="pt"
        )
        cut += len(whole["input_ids"]) > features["input_ids"].shape[1]
        with torch.no_grad():
            values.append(float(network(**features).logits[0, 0]))
    return numpy.array(values), cut


def save(name: str, network, tokenizer, settings: dict) -> None:
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    network.eval()
    randomise(network)
    values, cut = logits(network, tokenizer)
    network.to(torch.bfloat16).save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)
    (folder / "special_tokens_map.json").unlink(missing_ok=True)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    text = json.dumps(config | settings, indent=2, sort_keys=True)
    (folder / "config.json").write_text(text + "\n", encoding="utf-8")
    values.astype("<f4").tofile(folder / "logits.f32")
    print(name, len(values), "pairs,", cut, "cut, from", values.min(), "to", values.max())


def main() -> None:
    torch.set_num_threads(1)
    pairs = make_pairs(read_texts())
    (FOLDER / "pairs.json").write_text(json.dumps(pairs) + "\n", encoding="utf-8")
    tokenizer = as_bert()
    config = transformers.BertConfig(
        vocab_size=len(tokenizer), max_position_embeddings=MAX_TOKENS, **SHAPE
    )
    network = transformers.BertForSequenceClassification(config)
    activation = {"activation_fn": "torch.nn.modules.linear.Identity", "version": "5.1.0"}
    save("bert-reranker", network, tokenizer, {"sentence_transformers": activation})
    # A RoBERTa does not use the positions up to that of its padding token, 1.
    shape = SHAPE | {
        "max_position_embeddings": MAX_TOKENS + 2,
        "type_vocab_size": 1,
        "layer_norm_eps": 1e-5,
    }
    tokenizer = of_embedder("xlm-roberta")
    config = transformers.XLMRobertaConfig(vocab_size=len(tokenizer), **shape)
    network = transformers.XLMRobertaForSequenceClassification(config)
    save("xlm-roberta-reranker", network, tokenizer, {})
    tokenizer = of_embedder("roberta")
    config = transformers.RobertaConfig(vocab_size=len(tokenizer), **shape)
    network = transformers.RobertaForSequenceClassification(config)
    legacy = "torch.nn.modules.activation.Sigmoid"
    save("roberta-reranker", network, tokenizer, {"sbert_ce_default_activation_function": legacy})


main()
