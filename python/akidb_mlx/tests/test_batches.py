"""A text's vector does not depend on what shares its batch."""

from itertools import permutations

import pytest
from models import TINY, encode, least_cosine, open_encoder, random_texts, real_model

from akidb_mlx.arithmetic import FUSED, PLAIN, Arithmetic
from akidb_mlx.encoder import Encoder, EncoderOptions
from akidb_mlx.grouping import group, round_rows, round_tokens

BOTH = pytest.mark.parametrize("arithmetic", [PLAIN, FUSED], ids=lambda each: each.name)


def bucket_edges(most: int) -> list[int]:
    edges = sorted({round_tokens(tokens, most) for tokens in range(1, most + 1)})
    around = {edge + step for edge in edges for step in (-1, 0, 1)}
    return sorted(length for length in around if 1 <= length <= most)


@BOTH
@pytest.mark.parametrize("name", list(TINY))
@pytest.mark.parametrize("rounds_shapes", [False, True])
def test_alone_and_in_any_batch(name: str, rounds_shapes: bool, arithmetic: Arithmetic) -> None:
    encoder = Encoder.open(TINY[name], EncoderOptions(), arithmetic)
    encoder.rounds_shapes = rounds_shapes
    lengths = bucket_edges(encoder.network.max_tokens)
    texts = random_texts(encoder, lengths)
    poolings = [text % 4 for text in range(len(texts))]
    encoder.rounds_shapes = False
    alone = [encode(encoder, [text], kind)[0] for text, kind in zip(texts, poolings, strict=True)]
    encoder.rounds_shapes = rounds_shapes
    # All in one pass, whatever that pads, in passes of some, and with every third left out.
    for most_tokens in (16, 100, 1000, 1 << 20):
        encoder.max_batch_tokens = most_tokens
        assert least_cosine(encode(encoder, texts, poolings), alone) >= 0.99999
        chosen = [text for text in range(len(texts)) if text % 3]
        chosen.reverse()
        some = encode(encoder, [texts[text] for text in chosen], [poolings[t] for t in chosen])
        assert least_cosine(some, [alone[text] for text in chosen]) >= 0.99999


@BOTH
@pytest.mark.parametrize("name", list(TINY))
def test_a_short_text_beside_the_longest(
    name: str, arithmetic: Arithmetic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One pass for all lengths, so that most of it is padding."""
    monkeypatch.setattr("akidb_mlx.grouping._FREE_PADDING", 1 << 30)
    encoder = Encoder.open(TINY[name], EncoderOptions(), arithmetic)
    encoder.max_batch_tokens = 1 << 20
    texts = random_texts(encoder, [1, 2, 5, 8, 9, 31, encoder.network.max_tokens])
    for pooling in range(4):
        alone = [encode(encoder, [text], pooling)[0] for text in texts]
        assert least_cosine(encode(encoder, texts, pooling), alone) >= 0.99999
    assert encoder.statistics.padded_tokens > 2 * encoder.statistics.tokens


def test_the_default_model_at_every_bucket_edge() -> None:
    encoder = open_encoder(real_model())
    texts = random_texts(encoder, bucket_edges(128))
    alone = [encode(encoder, [text])[0] for text in texts]
    assert least_cosine(encode(encoder, texts), alone) >= 0.99999


def test_compiled_passes_make_the_same_vectors() -> None:
    for name in ("roberta", "qwen3"):
        plain = open_encoder(TINY[name])
        compiled = open_encoder(TINY[name], compile=True)
        texts = random_texts(plain, [3, 3, 9, 17, 17, 40])
        assert least_cosine(encode(compiled, texts), encode(plain, texts)) >= 0.99999


def test_a_long_text_is_worked_out_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("bert", "qwen3-causal"):
        encoder = open_encoder(TINY[name])
        texts = random_texts(encoder, [5, 40, 41])
        whole = encode(encoder, texts)
        with monkeypatch.context() as patch:
            patch.setattr("akidb_mlx.arithmetic._MOST_SCORES", 4 * 3 * 41 * 7)
            assert least_cosine(encode(encoder, texts), whole) >= 0.999999


def test_rows_come_back_in_the_order_given() -> None:
    encoder = open_encoder(TINY["roberta"])
    texts = random_texts(encoder, [2, 30, 9, 9])
    alone = [encode(encoder, [text])[0] for text in texts]
    for order in permutations(range(len(texts))):
        found = encode(encoder, [texts[text] for text in order])
        assert least_cosine(found, [alone[text] for text in order]) >= 0.99999


@pytest.mark.parametrize("rounded", [False, True])
def test_groups_hold_every_text_once_and_keep_within_their_tokens(rounded: bool) -> None:
    lengths = [1 + (place * 37) % 300 for place in range(200)]
    for most in (1, 64, 300, 4096):
        groups = group(lengths, most, 512, rounded=rounded)
        assert sorted(text for each in groups for text in each.texts) == list(range(200))
        for each in groups:
            assert max(lengths[text] for text in each.texts) <= each.width <= 512
            assert len(each.texts) <= each.rows
            assert each.rows * each.width <= max(most, each.width)
    tokens = sum(lengths)
    padded = sum(each.rows * each.width for each in group(lengths, 4096, 512, rounded=False))
    assert padded < 1.15 * tokens


def test_rounding_is_up_to_few_sizes() -> None:
    assert len({round_tokens(tokens, 512) for tokens in range(1, 513)}) <= 24
    for size in range(1, 513):
        assert size <= round_tokens(size, 512) <= min(512, max(8, size * 1.25 + 7))
        assert size <= round_rows(size) <= max(1, size * 1.5)
    assert round_tokens(510, 511) == 511
