"""Exact searches by FAISS and NumPy, one JSON line for each line of input.

Arguments: file of vectors, file of queries (little-endian f32), dimension, metric, limit. The
vectors are of unit length, so cosine is the inner product. Engines that cannot be imported are
named on stderr and left out.
"""

import json
import sys
import time


def main():
    vectors_path, queries_path, dimension, metric, limit = sys.argv[1:]
    dimension = int(dimension)
    import numpy

    vectors = numpy.fromfile(vectors_path, dtype="<f4").reshape(-1, dimension)
    limit = min(int(limit), len(vectors))
    queries = numpy.fromfile(queries_path, dtype="<f4").reshape(-1, dimension)
    engines = [numpy_engine(numpy, vectors, metric, limit)]
    try:
        engines.insert(0, faiss_engine(vectors, metric, limit))
    except ImportError as error:
        print(f"SKIPPED faiss: {error}", file=sys.stderr)
    print(json.dumps({"engines": [name for name, _ in engines]}), flush=True)

    for line in sys.stdin:
        ask = json.loads(line)
        _, search = engines[ask["engine"]]
        query = queries[ask["query"]]
        started, cpu_before = time.perf_counter(), time.thread_time()
        slots = search(query)
        wall_s, cpu_s = time.perf_counter() - started, time.thread_time() - cpu_before
        found = {"wall_s": wall_s, "cpu_s": cpu_s, "slots": [int(slot) for slot in slots]}
        print(json.dumps(found), flush=True)


def faiss_engine(vectors, metric, limit):
    import faiss

    faiss.omp_set_num_threads(1)
    kind = faiss.IndexFlatL2 if metric == "l2" else faiss.IndexFlatIP
    index = kind(vectors.shape[1])
    index.add(vectors)
    return f"faiss {faiss.__version__} {kind.__name__}", (
        lambda query: index.search(query.reshape(1, -1), limit)[1][0]
    )


def numpy_engine(numpy, vectors, metric, limit):
    def nearest(scores):
        top = numpy.argpartition(scores, -limit)[-limit:]
        return top[numpy.argsort(-scores[top])]

    if metric == "l2":
        # |x - q|^2 without |q|^2, which ranks nothing.
        squared = numpy.einsum("ij,ij->i", vectors, vectors)
        search = lambda query: nearest(2 * (vectors @ query) - squared)
    else:
        search = lambda query: nearest(vectors @ query)
    return f"numpy {numpy.__version__}", search


main()
