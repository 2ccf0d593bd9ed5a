"""Writes golden.json and golden.f32, which tests/it/golden.rs compares the native backend with.

    python -m venv venv && venv/bin/pip install sentence-transformers
    venv/bin/python make_golden.py MODEL_DIRECTORY

The model is all-MiniLM-L6-v2. `golden.json` holds the texts and the number of tokens that
sentence-transformers reads of each; `golden.f32` holds little-endian rows of 384 values: the
normalized mean of every text, then the first token and the maximum, neither normalized, of the
first `other_poolings` texts.
"""

import json
import pathlib
import sys

import numpy
import sentence_transformers
import torch
import transformers

OTHER_POOLINGS = 8

LONG = (
    "The harbour town wakes before the sun. Boats leave with their lamps still burning, and the "
    "baker's boy counts them from the quay as his grandfather did. "
)

TEXTS = [
    "A quick note about nothing in particular.",
    "a",
    "Where can I read about the history of lighthouses?",
    "The cat sat on the mat while the dog slept under the table.",
    LONG * 12,
    "東京は日本の首都です。",
    "🙂🙃 emoji 👩‍👩‍👧‍👦 families 🏳️‍🌈 and flags 🇩🇪🇯🇵",
    "The token [SEP] ends a sentence and [CLS] begins one.",
    "[SEP]",
    "[CLS] [SEP] [PAD] [UNK] [MASK]",
    "[MASK]ed text with [mask] in lower case and [ SEP ] spaced out",
    "7",
    "?",
    "...",
    "!!!???",
    "مرحبا بالعالم، كيف حالك اليوم؟",
    "שלום עולם, מה שלומך היום?",
    "mixed שלום and مرحبا and hello \u202eoverride\u202c",
    "Привет, мир! Как дела?",
    "Γειά σου Κόσμε, ΟΔΥΣΣΕΥΣ",
    "नमस्ते दुनिया",
    "안녕하세요 세계",
    "你好,世界!今天天气很好。",
    "中文and英文mixed混合テキスト",
    "ｆｕｌｌｗｉｄｔｈ　ｔｅｘｔ　１２３",
    "Crème brûlée, naïve façade, Ångström, señor, über",
    "Cre\u0300me bru\u0302le\u0301e in decomposed accents",
    "İstanbul and ısı, Straße and STRASSE",
    "ﬁne ﬂow oﬀice ligatures",
    "x² + y³ = z⁴ and ½ + ¼ = ¾",
    "∀x∈ℝ: ∃y ≤ x ∧ y ≠ ∞",
    "line one\nline two\r\nline three\ttabbed",
    "  leading and trailing spaces   ",
    "many        spaces     inside",
    "zero\u200bwidth\u200cspaces\u200djoin\ufeffed",
    "soft\u00adhyphen and no\u00a0break space",
    "control \x01\x02 characters \x7f and bell \x07",
    "a NUL \x00 in the middle",
    "replacement \ufffd character",
    "private use \ue000 and astral 𝒜𝓁𝓅𝒽𝒶 𐍈",
    "http://example.com/a/b?c=d&e=f#g and user@example.org",
    "fn main() { println!(\"{}\", 1 + 1); } // a comment",
    "SELECT name FROM users WHERE id = 42 AND NOT deleted;",
    "{\"key\": [1, 2.5, null, true], \"nested\": {\"a\": \"b\"}}",
    "<div class=\"x\">HTML &amp; entities</div>",
    "C:\\path\\to\\file.txt and /usr/local/bin",
    "snake_case camelCase kebab-case SCREAMING_CASE",
    "1234567890 3.14159 1,000,000 -42 6.02e23",
    "2024-02-29T23:59:60Z",
    "don't can't won't it's o'clock rock'n'roll",
    "“curly quotes” ‘single’ – en dash — em dash … ellipsis",
    "ALL CAPS SHOUTING TEXT",
    "supercalifragilisticexpialidocious antidisestablishmentarianism",
    "w" * 99,
    "w" * 101,
    "ab " * 300,
    "word " * 253,
    "word " * 254,
    "word " * 255,
    "x" * 5000,
    "字" * 400,
    "😀" * 300,
    "buffalo buffalo Buffalo buffalo buffalo buffalo Buffalo buffalo",
    "The same sentence twice. The same sentence twice.",
    LONG,
    "What is the boiling point of water at two thousand metres?",
]


def main() -> None:
    torch.set_num_threads(1)
    model = sentence_transformers.SentenceTransformer(sys.argv[1], device="cpu")
    mean = model.encode(TEXTS, batch_size=8, normalize_embeddings=False)
    states = model.encode(TEXTS, batch_size=1, output_value="token_embeddings")
    first = [state[0].numpy() for state in states[:OTHER_POOLINGS]]
    most = [state.max(dim=0).values.numpy() for state in states[:OTHER_POOLINGS]]
    folder = pathlib.Path(__file__).parent
    numpy.concatenate([mean, first, most]).astype("<f4").tofile(folder / "golden.f32")
    golden = {
        "made_by": {
            "sentence-transformers": sentence_transformers.__version__,
            "transformers": transformers.__version__,
            "torch": torch.__version__,
        },
        "other_poolings": OTHER_POOLINGS,
        "texts": TEXTS,
        "tokens": [len(state) for state in states],
    }
    text = json.dumps(golden, ensure_ascii=True, indent=1)
    (folder / "golden.json").write_text(text + "\n", encoding="utf-8")


main()
