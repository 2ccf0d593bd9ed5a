"""What is generated is as its source says, and says all that the node does."""

import dataclasses
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import generate_models
import generate_sync
import pytest

import akidb_client
from akidb_client import AsyncClient, AsyncCollection, Client, Collection, models

OUTPUTS = {**generate_models.outputs(), **generate_sync.outputs()}


@pytest.mark.parametrize("path", OUTPUTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_files_are_as_they_are_generated(path: Path) -> None:
    assert path.read_text("utf-8") == OUTPUTS[path], "run tools/generate_models.py and _sync.py"


def test_every_field_of_the_node_is_typed_or_left_out_with_a_reason() -> None:
    known = generate_models.schemas()
    assert generate_models.LEFT_OUT.keys() <= known.keys(), "a reason for what is not there"
    for name in known.keys() - generate_models.LEFT_OUT.keys() - generate_models.ALIASES.keys():
        fields, _ = generate_models.properties(name, known)
        found = getattr(models, generate_models.RENAMED.get(name, name))
        named = {one.metadata.get("name", one.name) for one in dataclasses.fields(found)}
        assert named == fields.keys(), name


def test_the_description_is_that_of_the_node(client: Client) -> None:
    described = client.openapi()["components"]["schemas"]
    assert described == generate_models.schemas(), "the tests run another version of the node"


@pytest.mark.parametrize(
    ("method", "request_type", "other"),
    [
        (Client.create_collection, models.CreateCollection, set()),
        (Client.get_or_create_collection, models.PutCollection, {"name"}),
        (Client.embed, models.EmbedRequest, set()),
        (Client.rerank, models.RerankRequest, set()),
        (Collection.search, models.SearchRequest, set()),
        (Collection.scroll_page, models.ScrollRequest, set()),
        (Collection.put_field, models.NewField, set()),
        (Collection.patch, models.PatchDocument, {"id"}),
    ],
    ids=lambda value: getattr(value, "__qualname__", ""),
)
def test_methods_take_all_that_their_request_has(
    method: Callable[..., Any], request_type: Any, other: set[str]
) -> None:
    taken = set(inspect.signature(method).parameters) - {"self", "field"}
    asked = {one.name for one in dataclasses.fields(request_type)} - {"field"}
    assert taken - other == asked


def test_both_clients_have_the_same_methods() -> None:
    for one, twin in ((Client, AsyncClient), (Collection, AsyncCollection)):
        names = {name for name in dir(one) if not name.startswith("_")}
        assert names == {name for name in dir(twin) if not name.startswith("_")}


def test_all_that_is_public_says_what_it_is() -> None:
    for name in akidb_client.__all__:
        found = getattr(akidb_client, name)
        if inspect.isclass(found):
            assert found.__doc__, name
            for method, _ in inspect.getmembers(found, inspect.isfunction):
                assert method.startswith("_") or getattr(found, method).__doc__, (name, method)
