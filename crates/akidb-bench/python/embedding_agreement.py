"""Compares the vectors of a running node with those of sentence-transformers.

Both embed every sentence of a file of scored pairs (score, tab, sentence, tab, sentence; such as
the STS benchmark) with the same model directory. Prints the lowest cosine between the two, and
for each of them Spearman's rank correlation of the pairs' cosines with the scores.

    pip install sentence-transformers
    python embedding_agreement.py --url http://127.0.0.1:8080 --model DIRECTORY --pairs FILE

The exit status is 1 when a cosine is below --min-cosine or the node's correlation is below
--min-spearman.
"""

import argparse
import csv
import json
import sys
import urllib.request

import numpy
from scipy.stats import spearmanr
from sentence_transformers import SentenceTransformer

TEXTS_PER_REQUEST = 32


def read_pairs(path: str) -> list[tuple[float, str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        rows = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [(float(row[0]), row[1], row[2]) for row in rows]


def embed_by_node(url: str, texts: list[str]) -> numpy.ndarray:
    rows = []
    for start in range(0, len(texts), TEXTS_PER_REQUEST):
        body = json.dumps({"texts": texts[start : start + TEXTS_PER_REQUEST]}).encode()
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(f"{url}/embed", body, headers)
        with urllib.request.urlopen(request) as response:
            rows += [row["values"] for row in json.load(response)["embeddings"]]
    return numpy.array(rows, dtype=numpy.float64)


def unit(rows: numpy.ndarray) -> numpy.ndarray:
    return rows / numpy.linalg.norm(rows, axis=1, keepdims=True)


def correlation(rows: numpy.ndarray, scores: list[float]) -> float:
    pairs = unit(rows)
    return float(spearmanr((pairs[0::2] * pairs[1::2]).sum(axis=1), scores).statistic)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", default="http://127.0.0.1:8080", help="REST of the node")
    parser.add_argument("--model", required=True, help="the model directory of the node")
    parser.add_argument("--pairs", required=True, help="scored pairs, tab-separated")
    parser.add_argument("--min-cosine", type=float, default=0.9999)
    parser.add_argument("--min-spearman", type=float, default=0.820)
    arguments = parser.parse_args()

    pairs = read_pairs(arguments.pairs)
    scores = [score for score, _, _ in pairs]
    texts = [text for _, *both in pairs for text in both]
    ours = embed_by_node(arguments.url, texts)
    theirs = SentenceTransformer(arguments.model, device="cpu").encode(texts, batch_size=64)
    theirs = theirs.astype(numpy.float64)

    cosines = (unit(ours) * unit(theirs)).sum(axis=1)
    print(f"sentences                      {len(texts)}")
    print(f"lowest cosine                  {cosines.min():.12f}")
    print(f"largest difference of a value  {numpy.abs(ours - theirs).max():.2e}")
    print(f"Spearman, node                 {correlation(ours, scores):.4f}")
    print(f"Spearman, sentence-transformers {correlation(theirs, scores):.4f}")
    agree = cosines.min() >= arguments.min_cosine
    correlate = correlation(ours, scores) >= arguments.min_spearman
    return 0 if agree and correlate else 1


if __name__ == "__main__":
    sys.exit(main())
