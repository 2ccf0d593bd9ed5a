"""What AkiDB's worker calls, and what importing the package does to its process."""

import json
import math
import subprocess
import sys
from array import array
from pathlib import Path
from typing import Any

import mlx.core as mx
import pytest
from models import TINY, in_rows, least_cosine

from akidb_mlx import elementary, worker

SOURCE = Path(worker.__file__).parents[1]
OPTIONS = {
    "model_path": str(TINY["bert"]),
    "precision": "f32",
    "cache_limit_bytes": 1 << 24,
    "memory_limit_bytes": 1 << 32,
    "compile": False,
    "max_batch_tokens": 64,
    "device": "cpu",
}


def test_the_seam_with_the_worker() -> None:
    encoder = worker.open_encoder(json.dumps(OPTIONS))
    info = json.loads(encoder.info())
    assert set(info) == {
        "module_version", "mlx_version", "python_version", "device", "blas", "architecture",
        "dimension", "max_tokens", "vocabulary", "quantization", "weights_bytes",
    }  # fmt: skip
    assert (info["architecture"], info["device"], info["quantization"]) == ("bert", "cpu", None)
    assert (info["dimension"], info["max_tokens"], info["vocabulary"]) == (32, 48, 120)
    golden = json.loads((TINY["bert"] / "states.json").read_text())
    texts = golden["token_ids"]
    rows = encoder.encode(
        array("i", [token for text in texts for token in text]),
        array("i", map(len, texts)),
        array("i", [0] * len(texts)),
        array("B", [0] * len(texts)),
    )
    assert (rows.format, rows.ndim, rows.nbytes) == ("f", 1, len(texts) * 32 * 4)
    assert least_cosine(in_rows(rows.tolist(), 32), golden["mean"]) >= 0.999999
    statistics = json.loads(encoder.statistics())
    assert set(statistics) == {
        "active_bytes", "peak_bytes", "cache_bytes", "batches", "texts", "tokens", "padded_tokens",
    }  # fmt: skip
    assert statistics["texts"] == len(texts)
    assert statistics["tokens"] == sum(map(len, texts)) <= statistics["padded_tokens"]
    assert statistics["batches"] > 1
    assert statistics["active_bytes"] >= info["weights_bytes"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("{", "no JSON"),
        ("[]", "lack model_path"),
        ("{}", "lack model_path"),
        (json.dumps(OPTIONS | {"colour": 1}), "unknown options: colour"),
    ],
)
def test_options_that_are_none(options: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        worker.open_encoder(options)


def run(code: str, **environment: str) -> str:
    """Run code in a new Python; fails with what it writes."""
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(SOURCE), "PATH": "/usr/bin:/bin"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_importing_and_running_leaves_limits_and_signal_handlers_alone() -> None:
    code = f"""
import resource, signal
def state():
    limits = {{n: resource.getrlimit(getattr(resource, n)) for n in dir(resource)
              if n.startswith("RLIMIT_")}}
    return limits, {{s: signal.getsignal(s) for s in signal.valid_signals()}}, caught()
def caught():
    lines = open("/proc/self/status") if __import__("os").path.exists("/proc/self/status") else []
    masks = [line.split() for line in lines if line.startswith(("SigCgt", "SigIgn", "SigBlk"))]
    # The signals 32 and 33 are glibc's own, for threads; any program has them that starts one.
    return [(name, int(mask, 16) & ~(3 << 31)) for name, mask in masks]
before = state()
import akidb_mlx.worker
encoder = akidb_mlx.worker.open_encoder({json.dumps(OPTIONS)!r})
encoder.encode(bytes(4), b"\\1\\0\\0\\0", bytes(4), bytes(1))
assert state() == before, (state(), before)
import sys
others = ("mlx_lm", "mlx_embeddings", "numpy", "tokenizers", "huggingface_hub", "transformers")
banned = [name for name in sys.modules if name.split(".")[0] in others]
assert not banned, banned
"""
    run(code)


def test_a_missing_mlx_is_named_with_the_command_that_installs_it() -> None:
    code = """
import sys
sys.modules["mlx"] = sys.modules["mlx.core"] = None
try:
    import akidb_mlx
except ImportError as error:
    print(error)
"""
    said = run(code)
    for command in ("pip install 'mlx[cpu]'", "pip install 'mlx[cuda]'", "pip install mlx"):
        assert command in said


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux chooses its BLAS")
def test_the_blas_is_named_and_none_may_be_asked_for() -> None:
    code = "import akidb_mlx; print(akidb_mlx.BLAS)"
    assert run(code, AKIDB_OPENBLAS="") == "reference"
    assert run(code, AKIDB_OPENBLAS="/no/such/file.so") == "reference"
    late = run(f"import mlx.core; {code}")
    assert late.startswith("unknown, mlx was imported before")


def test_missing_packages_are_named_with_the_command_that_installs_them() -> None:
    code = """
import sys
sys.modules["tokenizers"] = sys.modules["huggingface_hub"] = None
import akidb_mlx
for use in (lambda: akidb_mlx.init_model({model!r}), lambda: akidb_mlx.download_model("bge-m3")):
    try:
        use()
    except ImportError as error:
        print(error)
"""
    said = run(code.replace("{model!r}", repr(str(TINY["qwen3"]))))
    assert "pip install 'akidb-mlx[tokenizers]'" in said
    assert "pip install 'akidb-mlx[download]'" in said


def values_of(vector: mx.array) -> list[float]:
    values: list[Any] = vector.tolist()  # type: ignore[assignment]
    return values


def test_functions_from_sums_and_products_are_near_the_exact_ones() -> None:
    values = [place / 64 for place in range(-64 * 12, 64 * 12 + 1)] + [-1e30, 1e30]
    x = mx.array(values)
    for value, found in zip(values, values_of(elementary.gelu(x)), strict=True):
        exact = value * 0.5 * math.erfc(-value / math.sqrt(2))
        assert abs(found - exact) <= 1e-6 * max(5.0, abs(value))
    for value, found in zip(values[:-2], values_of(elementary.exp(x[:-2])), strict=True):
        assert found == pytest.approx(math.exp(value), rel=1e-5)
    for value, found in zip(values[:-2], values_of(elementary.sigmoid(x[:-2])), strict=True):
        assert found == pytest.approx(1 / (1 + math.exp(-value)), rel=1e-5)
    shares = mx.random.normal((7, 33)) * 8
    assert mx.allclose(elementary.softmax(shares), mx.softmax(shares, axis=-1), atol=1e-6).item()
    for function in (elementary.gelu, elementary.exp, elementary.softmax):
        assert mx.isnan(function(mx.array([mx.nan, 1.0])))[0].item()
