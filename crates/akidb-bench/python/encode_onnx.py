"""The encoder of a BERT directory in ONNX Runtime, one JSON line for each line of input.

Arguments: model directory, threads. The ONNX graph is made here from `config.json` and
`model.safetensors`, out of the fused operators that ONNX Runtime's own transformer optimiser ends
with (EmbedLayerNormalization, Attention, SkipLayerNormalization, BiasGelu), mean pooling and scaling
to length 1 included. int8 is `quantize_dynamic` of the same graph. Texts of a batch are padded to
the longest one. The other engine is NumPy's matrix product over the same shapes, which is the BLAS
that it was built with.

    pip install onnxruntime onnx safetensors numpy
"""

import json
import logging
import os
import pathlib
import sys
import tempfile
import time

# OpenBLAS reads it when it is loaded: its threads wait asleep, not for 20 ms at the cost of others.
os.environ["OPENBLAS_THREAD_TIMEOUT"] = "4"

import numpy
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from safetensors.numpy import load_file

FUSED = "com.microsoft"


class Graph:
    """Nodes and weights of an ONNX graph in the making."""

    def __init__(self):
        self.nodes, self.weights = [], []

    def constant(self, name, values):
        self.weights.append(numpy_helper.from_array(numpy.ascontiguousarray(values), name))
        return name

    def node(self, kind, inputs, outputs, domain="", **attributes):
        name = f"{kind}_{len(self.nodes)}"
        self.nodes.append(
            helper.make_node(kind, inputs, outputs, name=name, domain=domain, **attributes)
        )
        return outputs[0]


def build(directory):
    config = json.loads((directory / "config.json").read_text())
    tensors = load_file(directory / "model.safetensors")
    prefix = min(
        (name for name in tensors if name.endswith("embeddings.word_embeddings.weight")), key=len
    ).removesuffix("embeddings.word_embeddings.weight")
    tensor = lambda name: tensors[prefix + name].astype(numpy.float32)
    graph = Graph()
    state = embed(graph, tensor, config)
    for layer in range(config["num_hidden_layers"]):
        state = encode(graph, tensor, config, state, layer)
    pool(graph, state)
    batch, length, hidden = "batch", "length", config["hidden_size"]
    ints = lambda name: helper.make_tensor_value_info(name, TensorProto.INT32, [batch, length])
    body = helper.make_graph(
        graph.nodes,
        "bert",
        [ints("ids"), ints("types"), ints("mask")],
        [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, [batch, hidden])],
        graph.weights,
    )
    versions = [helper.make_opsetid("", 17), helper.make_opsetid(FUSED, 1)]
    return helper.make_model(body, opset_imports=versions, ir_version=9), config


def embed(graph, tensor, config):
    names = ["word_embeddings.weight", "position_embeddings.weight", "token_type_embeddings.weight",
             "LayerNorm.weight", "LayerNorm.bias"]
    weights = [graph.constant(name, tensor(f"embeddings.{name}")) for name in names]
    epsilon = config.get("layer_norm_eps", 1e-12)
    outputs = ["embedded", "lengths"]
    inputs = ["ids", "types", *weights, "mask"]
    return graph.node("EmbedLayerNormalization", inputs, outputs, FUSED, epsilon=epsilon)


def encode(graph, tensor, config, state, layer):
    def matrix(name):
        weight = tensor(f"encoder.layer.{layer}.{name}.weight")
        return graph.constant(f"{layer}.{name}.weight", weight.T)

    def vector(name):
        return graph.constant(f"{layer}.{name}", tensor(f"encoder.layer.{layer}.{name}"))

    def normalize(added, onto, name, bias):
        inputs = [added, onto, vector(f"{name}.weight"), vector(f"{name}.bias"), vector(bias)]
        epsilon = config.get("layer_norm_eps", 1e-12)
        return graph.node("SkipLayerNormalization", inputs, [f"{layer}.{name}"], FUSED, epsilon=epsilon)

    assert config.get("hidden_act", "gelu") == "gelu", "only gelu is known here"
    parts = [f"encoder.layer.{layer}.attention.self.{part}" for part in ("query", "key", "value")]
    weight = numpy.concatenate([tensor(f"{part}.weight").T for part in parts], axis=1)
    bias = numpy.concatenate([tensor(f"{part}.bias") for part in parts])
    qkv = [graph.constant(f"{layer}.qkv.weight", weight), graph.constant(f"{layer}.qkv.bias", bias)]
    heads = config["num_attention_heads"]
    context = graph.node(
        "Attention", [state, *qkv, "lengths"], [f"{layer}.context"], FUSED, num_heads=heads
    )
    gathered = graph.node("MatMul", [context, matrix("attention.output.dense")], [f"{layer}.attended"])
    state = normalize(gathered, state, "attention.output.LayerNorm", "attention.output.dense.bias")
    wide = graph.node("MatMul", [state, matrix("intermediate.dense")], [f"{layer}.wide"])
    inputs = [wide, vector("intermediate.dense.bias")]
    active = graph.node("BiasGelu", inputs, [f"{layer}.active"], FUSED)
    narrow = graph.node("MatMul", [active, matrix("output.dense")], [f"{layer}.narrow"])
    return normalize(narrow, state, "output.LayerNorm", "output.dense.bias")


def pool(graph, state):
    last = graph.constant("last", numpy.array([2], dtype=numpy.int64))
    middle = graph.constant("middle", numpy.array([1], dtype=numpy.int64))
    weight = graph.node("Cast", ["mask"], ["mask_float"], to=TensorProto.FLOAT)
    column = graph.node("Unsqueeze", [weight, last], ["mask_column"])
    masked = graph.node("Mul", [state, column], ["masked"])
    total = graph.node("ReduceSum", [masked, middle], ["total"], keepdims=0)
    count = graph.node("ReduceSum", [weight, middle], ["count"], keepdims=1)
    mean = graph.node("Div", [total, count], ["mean"])
    graph.node("LpNormalization", [mean], ["vectors"], axis=1, p=2)


def quantize(plain, quantized):
    # The types of what the fused operators give out cannot be inferred; all of it is float.
    options = {"DefaultTensorType": TensorProto.FLOAT}
    kind = QuantType.QInt8
    quantize_dynamic(plain, quantized, weight_type=kind, per_channel=True, extra_options=options)


def session(path, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    # Its threads spin while it runs, which is fastest, and not while others have their turn.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


class Encoder:
    """One ONNX Runtime session."""

    def __init__(self, session):
        self.session = session

    def prepare(self, texts):
        length = max(map(len, texts))
        ids = numpy.zeros((len(texts), length), dtype=numpy.int32)
        mask = numpy.zeros_like(ids)
        for row, text in enumerate(texts):
            ids[row, : len(text)] = text
            mask[row, : len(text)] = 1
        self.inputs = {"ids": ids, "types": numpy.zeros_like(ids), "mask": mask}

    def run(self):
        return self.session.run(None, self.inputs)[0]


class Products:
    """The matrix products of a forward pass, and nothing else."""

    def __init__(self, config):
        hidden, wide = config["hidden_size"], config["intermediate_size"]
        shapes = [(hidden, 3 * hidden), (hidden, hidden), (hidden, wide), (wide, hidden)]
        layers = range(config["num_hidden_layers"])
        self.weights = [numpy.ones(shape, dtype=numpy.float32) for _ in layers for shape in shapes]

    def prepare(self, texts):
        rows = sum(map(len, texts))
        ones = lambda columns: numpy.ones((rows, columns), dtype=numpy.float32)
        depths = {weight.shape[0] for weight in self.weights}
        widths = {weight.shape[1] for weight in self.weights}
        self.inputs = {depth: ones(depth) for depth in depths}
        self.outputs = {width: ones(width) for width in widths}

    def run(self):
        for weight in self.weights:
            numpy.matmul(self.inputs[weight.shape[0]], weight, out=self.outputs[weight.shape[1]])
        return None


def main():
    logging.disable(logging.WARNING)
    directory, threads = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    model, config = build(directory)
    with tempfile.TemporaryDirectory() as folder:
        plain, quantized = (pathlib.Path(folder) / name for name in ("f32.onnx", "int8.onnx"))
        onnx.save(model, plain)
        quantize(plain, quantized)
        engines = [Encoder(session(plain, threads)), Encoder(session(quantized, threads))]
    engines.append(Products(config))
    print(json.dumps({"onnxruntime": onnxruntime.__version__, "numpy": numpy.__version__}), flush=True)

    for line in sys.stdin:
        ask = json.loads(line)
        engine = engines[ask["engine"]]
        if "texts" in ask:
            engine.prepare(ask["texts"])
            vectors = engine.run()
            answer = {"vectors": [] if vectors is None else vectors.tolist()}
        else:
            started = time.perf_counter()
            engine.run()
            answer = {"wall_s": time.perf_counter() - started}
        print(json.dumps(answer), flush=True)


main()
