"""The official client of OpenAI, unchanged, against a node.

Run with the URL of the node's /v1 and the name of its model, which reads 256 tokens at most and
makes vectors of 384 values; on a node that is closed by keys, with one of them too. Ends with an
exception where anything is not as it must be.
"""

import math
import os
import sys
from array import array

import openai
from openai import OpenAI

url, model, *keys = sys.argv[1:]
client = OpenAI(base_url=url, api_key=keys[0] if keys else "not used", max_retries=0)
TEXTS = ["a boat on a lake", "Ein Boot auf dem See 🚣", "stock market losses"]
# "a boat on a lake", without and with the model's special tokens.
TOKENS = [1037, 4049, 2006, 1037, 2697]
SPECIAL = [101, *TOKENS, 102]


def near(one, other):
    assert len(one) == len(other), (len(one), len(other))
    assert math.dist(one, other) < 1e-4, math.dist(one, other)


def vectors(**arguments):
    reply = client.embeddings.create(model=model, **arguments)
    assert reply.object == "list" and reply.model == model, reply
    assert [item.index for item in reply.data] == list(range(len(reply.data)))
    assert all(item.object == "embedding" for item in reply.data)
    assert reply.usage.prompt_tokens == reply.usage.total_tokens > 0
    return [item.embedding for item in reply.data]


def shapes():
    in_base64 = vectors(input=TEXTS)  # which the client asks for by itself
    in_floats = vectors(input=TEXTS, encoding_format="float", user="somebody")
    for one, other in zip(in_base64, in_floats):
        near(one, other)
        # By MLX a text has other last bits in another batch, and which texts share one is a matter of time.
        if os.environ.get("AKIDB_TEST_BACKEND") != "mlx":
            assert array("f", one) == array("f", other), "they are the same 32-bit floats"
    assert len(in_floats) == 3 and len(in_floats[0]) == 384
    (alone,) = vectors(input=TEXTS[0])
    near(alone, in_floats[0])
    for tokens in (TOKENS, SPECIAL):
        near(vectors(input=tokens)[0], alone)
        near(vectors(input=[TOKENS, tokens])[1], alone)
    usage = client.embeddings.create(model=model, input=TOKENS).usage
    assert usage.prompt_tokens == len(SPECIAL), usage
    assert len(vectors(input=["same"] * 300)) == 300


def dimensions():
    (whole,) = vectors(input=TEXTS[0])
    (short,) = vectors(input=TEXTS[0], dimensions=64)
    length = math.hypot(*whole[:64])
    near(short, [value / length for value in whole[:64]])


def extensions():
    long = "lake " * 300
    reply = client.embeddings.create(model=model, input=["a", long], extra_body={"truncate": "end"})
    assert reply.usage.total_tokens == 3 + 256, reply.usage
    assert reply.truncated == [1], reply
    vectors(input="a", extra_body={"input_type": "query"})


def models():
    (listed,) = client.models.list().data
    assert listed.id == model and listed.object == "model" and listed.created > 1_700_000_000
    assert client.models.retrieve(model) == listed


def refused(kind, status, param, says, code, act):
    try:
        act()
    except kind as error:
        assert type(error) is kind, type(error)
        found = (error.status_code, error.param, error.code, error.type)
        assert found == (status, param, code, "invalid_request_error"), found
        assert says in error.body["message"], error.body
        assert error.request_id, "the request id is in a header"
    else:
        raise AssertionError(f"{says!r} was not refused")


def errors():
    def create(**arguments):
        return lambda: client.embeddings.create(**{"model": model, "input": "a", **arguments})

    bad, lost = openai.BadRequestError, openai.NotFoundError
    refused(lost, 404, None, "nope", "model_not_found", create(model="nope"))
    refused(lost, 404, None, "nope", "model_not_found", lambda: client.models.retrieve("nope"))
    refused(bad, 400, "input[1]", "is empty or blank, or no token of it remains", "invalid_text", create(input=["a", " "]))
    refused(bad, 400, "input", "at least one", "invalid_argument", create(input=[]))
    refused(bad, 400, "input", "openai_inputs", "limit_exceeded", create(input=["a"] * 2049))
    refused(bad, 400, "input[0]", "at most 256", "limit_exceeded", create(input="lake " * 300))
    refused(bad, 400, "input[1]", "at most 256", "limit_exceeded", create(input=[[7], [7] * 255]))
    refused(bad, 400, "input[0][1]", "30522", "invalid_argument", create(input=[7, 30522]))
    refused(bad, 400, "input[1]", "no token of it remains", "invalid_text", create(input=[[7], []]))
    refused(bad, 400, "input[1]", "expected", "malformed_request", create(input=["a", 7]))
    refused(bad, 400, "input", "expected", "malformed_request", create(input={"text": "a"}))
    refused(bad, 400, "dimensions", "384", "limit_exceeded", create(dimensions=385))
    refused(bad, 400, "dimensions", "least is 1", "invalid_argument", create(dimensions=0))
    form = create(encoding_format="hex")
    refused(bad, 400, "encoding_format", "float and base64", "invalid_argument", form)
    unknown = create(extra_body={"inputs": ["a"]})
    refused(bad, 400, "inputs", "did you mean", "unknown_field", unknown)


def other_keys():
    for key in ("wrong", keys[0][:-1]):
        stranger = client.with_options(api_key=key)
        for ask in (lambda: stranger.embeddings.create(model=model, input="a"), stranger.models.list):
            refused(openai.AuthenticationError, 401, None, "key", "unauthenticated", ask)


for check in (shapes, dimensions, extensions, models, errors):
    check()
if keys:
    other_keys()
