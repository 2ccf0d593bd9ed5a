#!/usr/bin/env python3
"""Writes a data directory with a collection of each kind, and what the node answers from it.

    write.py AKIDB FOLDER

runs the program AKIDB over a new data directory and leaves FOLDER/data.tar.gz and
FOLDER/answers.json.gz. The folders beside this file are what the versions of their names have written.
They are kept as they are: whatever formats become, `it::old_data` opens them.
"""

import gzip
import json
import os
import random
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request

SETTINGS = {
    "AKIDB_EMBEDDING__BACKEND": "hash",
    "AKIDB_EMBEDDING__DIMENSION": "16",
}
INCLUDE = ["text", "metadata", "vector"]
WORDS = "ship ice sea captain night star clock river paper garden stone letter".split()
# As many vectors as make a graph and its snapshot worth their files. Most are deleted again, and
# their pages used again, so that the archive stays small.
GRAPH_VECTORS, GRAPH_DOCUMENTS = 8_200, 2_000
SAMPLES = {"graph": [0, 1, 40, 1_000, 1_999], "binary": ["d0", 1, "d6", 22]}


class Node:
    def __init__(self, program, data):
        command = [program, "serve", "--data-dir", data]
        command += ["--rest-addr", "127.0.0.1:0", "--grpc-addr", "127.0.0.1:0"]
        self.process = subprocess.Popen(
            command, env=SETTINGS, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        line = self.process.stdout.readline()
        self.url = "http://" + line.split("rest=")[1].split()[0]

    def ask(self, method, path, body=None, headers=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json", **(headers or {})}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request) as reply:
            text = reply.read()
            return json.loads(text) if text else None

    def create(self, name, **settings):
        self.ask("POST", "/v1/collections", {"name": name, **settings})

    def put(self, name, documents, **headers):
        path = f"/v1/collections/{name}/documents"
        for start in range(0, len(documents), 500):
            body = {"documents": documents[start : start + 500]}
            self.ask("POST", path, body, headers)

    def delete(self, name, selection):
        self.ask("POST", f"/v1/collections/{name}/documents/delete", selection)

    def patch(self, name, id, metadata):
        self.ask("PATCH", f"/v1/collections/{name}/documents/{id}", {"metadata": metadata})

    def wait_for_index(self, name):
        while any(it["collection"] == name for it in self.ask("GET", "/readyz")["indexes"]):
            time.sleep(0.1)

    def end(self, how):
        self.process.send_signal(how)
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.end(signal.SIGKILL)


def vectors(count, dimension, seed):
    """Few different components, so that the archive stays small, and no two vectors alike."""
    chance = random.Random(seed)
    return [
        [chance.choice([-2, -1, -0.5, 0.5, 1, 2]) + (i % 97) / 128 for _ in range(dimension)]
        for i in range(count)
    ]


def documents(count, dimension, seed, text=None):
    return [
        {
            "id": f"d{i}" if i % 3 == 0 else i,
            "vector": vector,
            "metadata": {"number": i, "tags": [WORDS[i % 12], WORDS[i % 5]], "even": i % 2 == 0},
            **({"text": text(i)} if text else {}),
        }
        for i, vector in enumerate(vectors(count, dimension, seed))
    ]


def sentence(i, words=8):
    return " ".join(WORDS[(i * 7 + k * k) % 12] for k in range(words)) + "."


def change(node, name):
    """Makes versions of before: replaced, patched and deleted documents."""
    node.put(name, documents(4, len(vectors(1, DIMENSIONS[name], 9)[0]), 9))
    node.patch(name, "d0", {"patched": True, "even": None})
    node.delete(name, {"ids": [2, "d3", 5]})
    node.delete(name, {"filter": {"number": {"$in": [7, 8]}}})


DIMENSIONS = {"cosine": 8, "dot": 8, "l2": 8, "exact": 8, "hnsw_rs": 8, "full": 8, "binary": 1024}


def fill(node):
    node.create("texts", description="cut to what the model reads")
    node.put("texts", [{"id": i, "text": sentence(i), "metadata": {"n": i}} for i in range(30)])
    node.put("texts", [{"id": "own", "text": "with a vector of its own", "vector": [1.0] * 16}])
    node.create("passages", chunking={"tokens": 12, "overlap": 2})
    texts = [" ".join(sentence(i + k) for k in range(1 + i % 4)) for i in range(20)]
    node.put("passages", [{"id": i, "text": text} for i, text in enumerate(texts)])
    for metric in ["cosine", "dot", "l2"]:
        node.create(metric, dimension=8, metric=metric)
    node.create("exact", dimension=8, index={"engine": "exact"})
    node.create("hnsw_rs", dimension=8, index={"engine": "hnsw_rs", "m": 8})
    node.create("full", dimension=8, index={"quantization": "none"})
    node.create("binary", dimension=1024, index={"quantization": "binary"})
    for seed, (name, dimension) in enumerate(DIMENSIONS.items()):
        text = sentence if name == "l2" else None
        node.put(name, documents(24, dimension, seed, text))
        change(node, name)
    node.create("keyed", dimension=4)
    node.put("keyed", KEYED, **{"idempotency-key": "first-import"})
    node.create("empty", dimension=3)
    node.create("dropped", dimension=3)
    node.put("dropped", [{"id": 1, "vector": [1, 2, 3]}])
    node.ask("DELETE", "/v1/collections/dropped")
    node.create("changed", dimension=4)
    node.put("changed", [{"id": i, "vector": [1, i, 0, 1]} for i in range(6)])
    change_settings = {"description": "changed later", "index": {"engine": "exact"}}
    node.ask("PATCH", "/v1/collections/changed", change_settings)
    node.create("graph", dimension=2, metric="l2", index={"m": 4, "ef_construction": 16})
    node.put("graph", [{"id": i, "vector": point} for i, point in enumerate(grid())])
    node.wait_for_index("graph")
    node.delete("graph", {"ids": [2, 3]})
    for start in range(GRAPH_DOCUMENTS, GRAPH_VECTORS, 100):
        node.delete("graph", {"ids": list(range(start, start + 100))})
    large = [{"id": 9_100 + i, "text": "." * 60_000, "vector": [300, 9 * i]} for i in range(8)]
    node.put("graph", large)
    node.wait_for_index("graph")


def grid():
    """The points of a grid."""
    return [[i % 50, i // 50] for i in range(GRAPH_VECTORS)]


KEYED = [{"vector": vector, "metadata": {"n": i}} for i, vector in enumerate(vectors(6, 4, 77))]


def fill_more(node):
    """What stays in write-ahead logs, and behind a snapshot, when the node is killed."""
    node.put("texts", [{"id": 5, "text": "a new version of the fifth"}, {"id": 99, "text": "late"}])
    node.put("cosine", [{"id": "late", "vector": [1, 0, 0, 0, 0, 0, 0, 1]}])
    node.delete("dot", {"ids": [4]})
    node.put("graph", [{"id": 9_000, "vector": [200, 200]}])
    node.delete("graph", {"ids": [10]})
    node.create("late", dimension=2)
    node.put("late", [{"id": 1, "vector": [1, 2]}])


def searches(name, description):
    if name in ("texts", "passages"):
        yield {"text": "captain night star", "limit": 5}
        yield {"text": "garden stone", "limit": 5, "filter": {"n": {"$lt": 20}}}
        return
    dimension = description["dimension"]
    points = [[3, 7], [49, 39], [25, 30]]
    for vector in points if name == "graph" else vectors(3, dimension, 123):
        yield {"vector": vector, "limit": 5, "params": {"exact": True}}
        if name != "binary":
            yield {"vector": vector, "limit": 1}
    yield {"vector": [1.0] * dimension, "limit": 5, "filter": {"even": True}}


def answers(node):
    """What must be found ever after, by collection."""
    found = {}
    for summary in node.ask("GET", "/v1/collections")["collections"]:
        name = summary["name"]
        path = f"/v1/collections/{name}"
        description = node.ask("GET", path)
        if name in SAMPLES:
            body = {"ids": SAMPLES[name], "include": INCLUDE}
            stored = node.ask("POST", f"{path}/documents/get", body)["documents"]
        else:
            body = {"limit": 1000, "include": INCLUDE}
            stored = node.ask("POST", f"{path}/documents/scroll", body)["documents"]
        asked = []
        for request in searches(name, description):
            hits = node.ask("POST", f"{path}/search", request)["hits"]
            asked.append({"request": request, "hits": [[hit["id"], hit["score"]] for hit in hits]})
        keys = ["description", "model", "dimension", "metric", "index", "chunking", "document_count"]
        described = {key: description[key] for key in keys if key in description}
        if isinstance(described.get("index"), dict):
            settings = ["engine", "m", "ef_construction", "ef", "quantization"]
            index = described["index"]
            described["index"] = {key: index[key] for key in settings if key in index}
        found[name] = {"described": described, "documents": stored, "searches": asked}
    return found


def main(program, folder):
    with tempfile.TemporaryDirectory() as scratch:
        data = os.path.join(scratch, "data")
        with Node(program, data) as node:
            fill(node)
            node.end(signal.SIGTERM)
        with Node(program, data) as node:
            fill_more(node)
            found = answers(node)
        keyed = {"key": "first-import", "documents": KEYED}
        os.makedirs(folder, exist_ok=True)
        with tarfile.open(os.path.join(folder, "data.tar.gz"), "w:gz", compresslevel=9) as archive:
            archive.add(data, "data", filter=worth_keeping)
        with gzip.open(os.path.join(folder, "answers.json.gz"), "wt", compresslevel=9) as file:
            json.dump({"keyed": keyed, "collections": found}, file)


def worth_keeping(entry):
    """A power cut leaves no shared memory either."""
    return None if entry.name.endswith("-shm") else entry


main(*sys.argv[1:])
