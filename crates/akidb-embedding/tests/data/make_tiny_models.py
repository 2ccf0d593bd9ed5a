"""Writes tiny/, which tests/it/tiny_models.rs compares the native backend with.

    python -m venv venv && venv/bin/pip install sentence-transformers
    venv/bin/python make_tiny_models.py

Each folder is a model of random weights in a real architecture, as sentence-transformers saves it,
and `vectors.f32`: the vectors that sentence-transformers makes of the texts in `texts.json` with
`transformers` in 32-bit floating point, in little-endian rows. Each text is run alone, so that no
padding has a part in them.

Weights are kept in 16 bits to keep the files small; both sides read the same ones. Those of Qwen3
are float16, of which bfloat16 keeps less, so that a test in bfloat16 sees its loss.
"""

import json
import pathlib
import random
import shutil

import numpy
import tokenizers
import torch
import transformers
from sentence_transformers import SentenceTransformer
from sentence_transformers.models import Normalize, Pooling, Transformer
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers

FOLDER = pathlib.Path(__file__).parent / "tiny"
TEXTS = 200
MAX_TOKENS = 64
WORDS = (
    "harbour lamp baker quay morning sun boat grandfather counts burning leaves before wakes town "
    "river mountain number seven letter green iron engine silence window music paper question "
    "answer north winter garden stone bread water light history science language market village "
    "the a of and to in is was for on that with as it by at from his an were are which this"
).split()
ODD_TEXTS = [
    "a",
    "?",
    "東京は日本の首都です。",
    "🙂🙃 emoji 👩‍👩‍👧‍👦",
    "مرحبا بالعالم",
    "a text that spells <pad> twice <pad> and goes on",
    "<s> first </s> second <unk> <mask>",
    "what ends <|endoftext|> goes on here",
    "Crème brûlée, naïve façade, x² + y³",
    "line one\nline two\r\nline three\ttabbed",
]
QWEN_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def make_texts() -> list[str]:
    choice = random.Random(7)
    texts = list(ODD_TEXTS)
    while len(texts) < TEXTS:
        words = choice.choices(WORDS, k=int(2 ** choice.uniform(0, 6.5)))
        texts.append(" ".join(words).capitalize() + choice.choice(".?!"))
    return texts


def train(tokenizer: tokenizers.Tokenizer, trainer: trainers.Trainer) -> tokenizers.Tokenizer:
    tokenizer.train_from_iterator(make_texts()[len(ODD_TEXTS) :], trainer)
    return tokenizer


def byte_level(special_tokens: list[str], prefix: bool) -> tokenizers.Tokenizer:
    tokenizer = tokenizers.Tokenizer(models.BPE())
    steps = [pre_tokenizers.ByteLevel(add_prefix_space=prefix, use_regex=prefix)]
    if not prefix:
        pattern = tokenizers.Regex(QWEN_SPLIT)
        steps.insert(0, pre_tokenizers.Split(pattern, behavior="isolated"))
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=special_tokens,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    return train(tokenizer, trainer)


def qwen3_tokenizer() -> transformers.PreTrainedTokenizerFast:
    tokenizer = byte_level(["<|endoftext|>", "<|im_start|>", "<|im_end|>"], prefix=False)
    end = tokenizer.token_to_id("<|endoftext|>")
    tokenizer.post_processor = processors.Sequence(
        [
            processors.ByteLevel(trim_offsets=False),
            processors.TemplateProcessing(
                single="$A <|endoftext|>",
                pair="$A <|endoftext|> $B <|endoftext|>",
                special_tokens=[("<|endoftext|>", end)],
            ),
        ]
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        padding_side="left",
        model_max_length=MAX_TOKENS,
    )


ROBERTA_TOKENS = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


def roberta_tokenizer(tokenizer: tokenizers.Tokenizer) -> transformers.PreTrainedTokenizerFast:
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", 0), ("</s>", 2)],
    )
    names = ["bos_token", "pad_token", "eos_token", "unk_token", "mask_token"]
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        cls_token="<s>",
        sep_token="</s>",
        model_max_length=MAX_TOKENS,
        **dict(zip(names, ROBERTA_TOKENS)),
    )


def unigram() -> tokenizers.Tokenizer:
    tokenizer = tokenizers.Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=180, special_tokens=ROBERTA_TOKENS, unk_token="<unk>", show_progress=False
    )
    return train(tokenizer, trainer)


def randomise(network: torch.nn.Module, dtype: torch.dtype) -> None:
    """Weights large enough that the vectors of different texts differ."""
    torch.manual_seed(11)
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if weight.dim() == 2:
                scale = 1.0 if "embed" in name else 2.0 / weight.shape[1] ** 0.5
                value = torch.randn_like(weight) * scale
            else:
                offset = 1.0 if "norm" in name.lower() and "bias" not in name else 0.0
                value = offset + 0.2 * torch.randn_like(weight)
            weight.copy_(value.to(dtype).float())


def save(name: str, network, tokenizer, pooling: str, dtype: torch.dtype, **options) -> None:
    folder = FOLDER / name
    plain = FOLDER / "plain"
    randomise(network, dtype)
    network.save_pretrained(plain)
    tokenizer.save_pretrained(plain)
    transformer = Transformer(str(plain), model_kwargs={"dtype": torch.float32})
    size = network.config.hidden_size
    modules = [transformer, Pooling(size, pooling_mode=pooling), Normalize()]
    model = SentenceTransformer(modules=modules, device="cpu", prompts=options.get("prompts"))
    vectors = numpy.stack([model.encode(text) for text in make_texts()])
    shutil.rmtree(plain)
    model.save(str(folder), create_model_card=False)
    for weights in folder.glob("*.safetensors"):
        weights.unlink()
    network.to(dtype).save_pretrained(folder, max_shard_size=options.get("max_shard_size", "1GB"))
    vectors.astype("<f4").tofile(folder / "vectors.f32")
    near = vectors @ vectors.T - 2 * numpy.eye(len(vectors))
    print(name, vectors.shape, "most alike:", float(numpy.median(near.max(axis=1))))


def main() -> None:
    torch.set_num_threads(1)
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    texts = json.dumps(make_texts(), ensure_ascii=True, indent=1)
    (FOLDER / "texts.json").write_text(texts + "\n", encoding="utf-8")
    tokenizer = qwen3_tokenizer()
    config = transformers.Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=48,
        intermediate_size=80,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        max_position_embeddings=128,
        rope_parameters={"rope_type": "default", "rope_theta": 1_000_000.0},
        tie_word_embeddings=True,
        eos_token_id=tokenizer.convert_tokens_to_ids("<|endoftext|>"),
    )
    prompts = {"query": "Instruct: Find the passage that answers\nQuery:", "document": ""}
    save(
        "qwen3",
        transformers.Qwen3Model(config),
        tokenizer,
        "lasttoken",
        torch.float16,
        prompts=prompts,
        max_shard_size="100KB",
    )
    shape = {
        "hidden_size": 48,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        # A RoBERTa does not use the positions up to that of its padding token, 1.
        "max_position_embeddings": MAX_TOKENS + 2,
        "type_vocab_size": 1,
        "layer_norm_eps": 1e-5,
    }
    tokenizer = roberta_tokenizer(unigram())
    config = transformers.XLMRobertaConfig(vocab_size=len(tokenizer), **shape)
    network = transformers.XLMRobertaModel(config, add_pooling_layer=False)
    save("xlm-roberta", network, tokenizer, "cls", torch.bfloat16)
    tokenizer = roberta_tokenizer(byte_level(ROBERTA_TOKENS, prefix=True))
    config = transformers.RobertaConfig(
        vocab_size=len(tokenizer), hidden_act="gelu_new", **shape
    )
    network = transformers.RobertaModel(config, add_pooling_layer=False)
    save("roberta", network, tokenizer, "mean", torch.bfloat16)


main()
