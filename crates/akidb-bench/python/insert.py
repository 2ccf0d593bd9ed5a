"""Inserts vectors into other engines in batches and prints one JSON line for each engine.

Arguments: file of vectors (little-endian f32), directory for their data, dimension, documents a
batch, samples to verify, seconds after which an engine gets no more batches. Each document has an
id, one number of metadata and a vector, as the node gets them. Engines that cannot be imported
are named on stderr and left out.
"""

import json
import os
import shutil
import sqlite3
import sys
import time


class Sqlite:
    """The floor: rows on disk, no index, a scan by whoever reads them."""

    durability = "commit with fsync (synchronous=FULL)"

    def __init__(self, directory, dimension):
        import numpy

        self.numpy = numpy
        self.name = f"sqlite {sqlite3.sqlite_version} from Python, no vector index"
        self.connection = sqlite3.connect(os.path.join(directory, "floor.db"), isolation_level=None)
        self.connection.execute("PRAGMA journal_mode=WAL")
        self.connection.execute("PRAGMA synchronous=FULL")
        self.connection.execute(
            "CREATE TABLE documents (id TEXT PRIMARY KEY, number INTEGER, vector BLOB)"
        )

    def insert(self, ids, numbers, vectors):
        rows = [(id, number, vector.tobytes()) for id, number, vector in zip(ids, numbers, vectors)]
        self.connection.execute("BEGIN IMMEDIATE")
        self.connection.executemany("INSERT INTO documents VALUES (?, ?, ?)", rows)
        self.connection.execute("COMMIT")

    def count(self):
        return self.connection.execute("SELECT count(*) FROM documents").fetchone()[0]

    def get(self, id):
        row = self.connection.execute("SELECT vector FROM documents WHERE id = ?", (id,)).fetchone()
        return self.numpy.frombuffer(row[0], dtype="<f4")

    def nearest(self, vector):
        if not hasattr(self, "all"):
            rows = self.connection.execute("SELECT id, vector FROM documents").fetchall()
            self.ids = [row[0] for row in rows]
            blob = b"".join(row[1] for row in rows)
            self.all = self.numpy.frombuffer(blob, dtype="<f4").reshape(len(rows), -1)
        return self.ids[int((self.all @ vector).argmax())]


class Chroma:
    durability = "SQLite commit of its log; graph in memory, saved now and then"

    def __init__(self, directory, dimension):
        import chromadb

        self.name = f"chromadb {chromadb.__version__}"
        settings = chromadb.config.Settings(anonymized_telemetry=False)
        client = chromadb.PersistentClient(path=directory, settings=settings)
        self.collection = client.create_collection(
            "bench", embedding_function=None, metadata={"hnsw:space": "cosine"}
        )

    def insert(self, ids, numbers, vectors):
        metadata = [{"group": number} for number in numbers]
        self.collection.add(ids=ids, embeddings=vectors, metadatas=metadata)

    def count(self):
        return self.collection.count()

    def get(self, id):
        return self.collection.get(ids=[id], include=["embeddings"])["embeddings"][0]

    def nearest(self, vector):
        return self.collection.query(query_embeddings=[vector], n_results=1)["ids"][0][0]


class Lance:
    durability = "files of each batch written, not synced; no index, a scan"

    def __init__(self, directory, dimension):
        import lancedb
        import pyarrow

        self.pyarrow = pyarrow
        self.dimension = dimension
        self.name = f"lancedb {lancedb.__version__}"
        vector = pyarrow.list_(pyarrow.float32(), dimension)
        fields = [("id", pyarrow.string()), ("group", pyarrow.int64()), ("vector", vector)]
        self.schema = pyarrow.schema(fields)
        self.table = lancedb.connect(directory).create_table("bench", schema=self.schema)

    def insert(self, ids, numbers, vectors):
        flat = self.pyarrow.array(vectors.reshape(-1))
        vectors = self.pyarrow.FixedSizeListArray.from_arrays(flat, self.dimension)
        columns = [self.pyarrow.array(ids), self.pyarrow.array(numbers), vectors]
        self.table.add(self.pyarrow.Table.from_arrays(columns, schema=self.schema))

    def count(self):
        return self.table.count_rows()

    def get(self, id):
        rows = self.table.search().where(f"id = '{id}'").limit(1).to_list()
        return rows[0]["vector"]

    def nearest(self, vector):
        return self.table.search(vector).distance_type("cosine").limit(1).to_list()[0]["id"]


def main():
    path, directory, dimension, batch, samples, limit_s = sys.argv[1:]
    dimension, batch, samples, limit_s = int(dimension), int(batch), int(samples), float(limit_s)
    import numpy

    vectors = numpy.fromfile(path, dtype="<f4").reshape(-1, dimension)
    for engine in (Sqlite, Lance, Chroma):
        data = os.path.join(directory, engine.__name__)
        os.mkdir(data)
        try:
            opened = engine(data, dimension)
        except ImportError as error:
            print(f"SKIPPED {engine.__name__.lower()}: {error}", file=sys.stderr)
            continue
        print(json.dumps(measure(opened, vectors, batch, samples, limit_s)), flush=True)
        shutil.rmtree(data, ignore_errors=True)


def measure(engine, vectors, batch, samples, limit_s):
    finished, took = [], []
    started = time.perf_counter()
    inserted = 0
    for first in range(0, len(vectors), batch):
        rows = range(first, min(first + batch, len(vectors)))
        ids = [f"doc-{row}" for row in rows]
        numbers = [row % 100 for row in rows]
        began = time.perf_counter()
        engine.insert(ids, numbers, vectors[rows.start : rows.stop])
        now = time.perf_counter()
        took.append(now - began)
        finished.append(now - started)
        inserted = rows.stop
        if finished[-1] > limit_s:
            break
    sampled = [sample * inserted // samples for sample in range(samples)]
    got = sum(list(engine.get(f"doc-{row}")) == list(vectors[row]) for row in sampled)
    first = sum(engine.nearest(vectors[row]) == f"doc-{row}" for row in sampled)
    return {
        "engine": engine.name,
        "durability": engine.durability,
        "finished_s": finished,
        "took_s": took,
        "counted": engine.count(),
        "got": got,
        "found_first": first,
    }


main()
