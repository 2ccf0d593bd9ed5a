"""Maximal marginal relevance: what is near the query and unlike what is chosen already.

After Carbonell and Goldstein, "The use of MMR, diversity-based reranking for reordering documents
and producing summaries" (SIGIR 1998).
"""

import math
from collections.abc import Sequence


def most_diverse(
    query: Sequence[float], rows: Sequence[Sequence[float]], k: int, weight: float
) -> list[int]:
    """The places of at most `k` rows, in the order in which they are chosen.

    Args:
        query: `[dimension]`.
        rows: `[candidates, dimension]`.
        k: How many are chosen.
        weight: 1 counts nearness to the query alone, 0 unlikeness to each other alone.
    """
    near = [cosine(query, row) for row in rows]
    likest = [-1.0] * len(rows)
    chosen: list[int] = []
    left = set(range(len(rows)))
    while left and len(chosen) < k:
        score = (
            near
            if not chosen
            else [
                weight * one - (1 - weight) * other for one, other in zip(near, likest, strict=True)
            ]
        )
        best = max(sorted(left), key=score.__getitem__)
        chosen.append(best)
        left.remove(best)
        for at in left:
            likest[at] = max(likest[at], cosine(rows[best], rows[at]))
    return chosen


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    """The cosine of the angle between two vectors; 0 where one has no direction."""
    length = math.hypot(*one) * math.hypot(*other)
    product = sum(a * b for a, b in zip(one, other, strict=True))
    return product / length if length else 0.0
