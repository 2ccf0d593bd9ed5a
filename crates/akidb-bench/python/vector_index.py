"""Searches of one graph index by another engine, one JSON line for each line of input.

Arguments: engine, file of vectors, file of queries (little-endian f32), dimension, limit, m,
ef_construction. The vectors are of unit length, so cosine is the inner product. The engine is built
on one thread and given all queries in one call, so that the cost of calling it from Python does not
count. One that cannot be imported is named on stderr.
"""

import json
import sys
import time


def main():
    engine, vectors_path, queries_path, *figures = sys.argv[1:]
    dimension, limit, m, ef_construction = map(int, figures)
    import numpy

    vectors = numpy.fromfile(vectors_path, dtype="<f4").reshape(-1, dimension)
    queries = numpy.fromfile(queries_path, dtype="<f4").reshape(-1, dimension)
    before = resident("VmRSS")
    forget_peak()
    started = time.process_time()
    try:
        name, search = ENGINES[engine](vectors, m, ef_construction)
    except ImportError as error:
        print(f"SKIPPED {engine}: {error}", file=sys.stderr)
        say({"engine": None})
        return
    built = {"engine": name, "build_cpu_s": time.process_time() - started}
    if before is not None:
        built["memory_bytes"] = max(resident("VmRSS") - before, 0)
        built["peak_bytes"] = max(resident("VmHWM") - before, 0)
    say(built)

    for line in sys.stdin:
        ef = json.loads(line)["ef"]
        started = time.process_time()
        found = search(queries, limit, ef)
        cpu_s = time.process_time() - started
        # FAISS fills up with -1 where it found too few.
        say({"cpu_s": cpu_s, "found": [[int(slot) for slot in row if slot >= 0] for row in found]})


def say(message):
    print(json.dumps(message), flush=True)


def hnswlib_engine(vectors, m, ef_construction):
    import hnswlib
    from importlib.metadata import version

    index = hnswlib.Index(space="ip", dim=vectors.shape[1])
    index.init_index(max_elements=len(vectors), M=m, ef_construction=ef_construction)
    index.add_items(vectors, num_threads=1)

    def search(queries, limit, ef):
        index.set_ef(ef)
        return index.knn_query(queries, k=limit, num_threads=1)[0]

    return f"hnswlib {version('hnswlib')}", search


def usearch_engine(dtype):
    def build(vectors, m, ef_construction):
        import numpy
        import usearch
        from usearch.index import Index

        index = Index(
            ndim=vectors.shape[1],
            metric="cos",
            dtype=dtype,
            connectivity=m,
            expansion_add=ef_construction,
        )
        index.add(numpy.arange(len(vectors), dtype=numpy.uint64), vectors, threads=1)

        def search(queries, limit, ef):
            index.expansion_search = ef
            return index.search(queries, limit, threads=1).keys

        return f"usearch {usearch.__version__} {dtype}", search

    return build


def faiss_engine(vectors, m, ef_construction):
    import faiss

    faiss.omp_set_num_threads(1)
    index = faiss.IndexHNSWFlat(vectors.shape[1], m, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = ef_construction
    index.add(vectors)

    def search(queries, limit, ef):
        index.hnsw.efSearch = ef
        return index.search(queries, limit)[1]

    return f"faiss {faiss.__version__} IndexHNSWFlat", search


ENGINES = {
    "hnswlib": hnswlib_engine,
    "usearch": usearch_engine("f32"),
    "usearch-i8": usearch_engine("i8"),
    "faiss": faiss_engine,
}


def resident(field):
    """Bytes of a field of this process, on Linux."""
    try:
        with open("/proc/self/status") as status:
            lines = [line.split() for line in status]
    except OSError:
        return None
    return next((int(line[1]) * 1024 for line in lines if line[0] == f"{field}:"), None)


def forget_peak():
    try:
        with open("/proc/self/clear_refs", "w") as clear:
            clear.write("5")
    except OSError:
        pass


main()
