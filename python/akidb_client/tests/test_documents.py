"""Documents and collections, from their making to their end."""

from datetime import datetime, timezone

import pytest

from akidb_client import Client, Collection, NewDocument, NewField, NodeError, OrderBy, error_codes
from akidb_client.errors import InvalidValueError, TaskFailedError
from akidb_client.models import AliasAction, GivenAlias, IndexSettings


def test_a_collection_from_its_making_to_its_end(client: Client) -> None:
    made = client.create_collection("whole-life", dimension=3, metric="dot", description="first")
    with pytest.raises(error_codes.CollectionExistsError):
        client.create_collection("whole-life", dimension=3)
    client.get_or_create_collection("whole-life", dimension=3, metric="dot")
    with pytest.raises(error_codes.CollectionDiffersError):
        client.get_or_create_collection("whole-life", dimension=4)
    assert made.update(index=IndexSettings(ef=150), description="second").description == "second"
    made.put_field("title", dimension=2)
    assert list(made.describe().fields) == ["title"]
    made.drop_field("title")
    made.rename("other-life")
    assert client.has_collection("other-life") and not client.has_collection("whole-life")
    made.drop()
    with pytest.raises(error_codes.CollectionNotFoundError):
        made.describe()


def test_aliases_and_copies(client: Client, films: Collection) -> None:
    films.set_alias("cinema")
    assert [one.alias for one in films.aliases()] == ["cinema"]
    assert client.collection("cinema").count() == 3
    film = GivenAlias(alias="movies", collection="cinema")
    assert {one.alias for one in client.change_aliases([AliasAction(create=film)])} >= {"movies"}
    films.delete_alias("cinema")
    films.delete_alias("movies")
    seen: list[float] = []
    task = client.tasks.wait(
        films.copy("copied"), on_progress=lambda one: seen.append(one.progress)
    )
    assert task.state == "succeeded" and seen
    assert task.id in {one.id for one in client.tasks.all()}
    copied = client.collection("copied")
    assert copied.count() == 3
    copied.drop()


def test_a_task_that_fails_is_an_error(client: Client, films: Collection) -> None:
    with pytest.raises(error_codes.TaskNotFoundError):
        client.tasks.wait("01a22f6d-a44f-75da-afda-ee26c3763125")
    with pytest.raises((TaskFailedError, NodeError)):
        client.tasks.wait(films.reembed("no-such-model"))


def test_documents_are_written_read_changed_and_deleted(films: Collection) -> None:
    found = films.get("jaws")
    assert (found.text, found.metadata) == ("A shark hunts swimmers.", {"year": 1975})
    assert len(films.get("jaws", include=["vector"]).vector or []) == 384
    changed = films.patch("jaws", metadata={"seen": True, "year": None}, if_seq=found.seq)
    assert changed.metadata == {"seen": True}
    with pytest.raises(error_codes.ConditionFailedError) as raised:
        films.patch("jaws", text="Another one.", if_seq=found.seq)
    assert raised.value.outcome == "not_applied" and raised.value.request_id
    with pytest.raises(error_codes.DocumentExistsError):
        films.insert([{"id": "jaws", "text": "It is there."}])
    assert films.update_where({"year": {"$gte": 1990}}, {"late": True}).updated == 2
    assert films.update_all({"all": 1}).updated == 3
    assert films.delete_where({"late": True}).deleted == 2
    assert films.delete(["jaws", "never there"]).deleted == 1
    assert films.count() == 0


def test_ids_keep_their_type_and_may_be_anything(films: Collection) -> None:
    ids: list[str | int] = [5, "5", "..", "a/b?c=d&e#f", "%2F", "日本", "ein id"]
    films.upsert([{"id": id, "text": f"The text of {id}."} for id in ids])
    for id in ids:
        assert films.get(id).id == id and type(films.get(id).id) is type(id)
    assert [one.id for one in films.get_many(["..", 5, "nowhere"]).documents] == ["..", 5]
    films.delete_one(5)
    assert films.get("5").id == "5"
    with pytest.raises(error_codes.DocumentNotFoundError):
        films.get(5)


def test_two_tries_with_one_key_store_once(films: Collection) -> None:
    for status in ("created", "updated"):
        reply = films.upsert([NewDocument(text="Some text.")], idempotency_key="one-key")
        assert reply.results[0].status == status
    assert films.count() == 4
    films.upsert([NewDocument(text="Some text.")])
    films.upsert([NewDocument(text="Some text.")])
    assert films.count() == 6


def test_values_are_stored_as_what_they_mean(films: Collection) -> None:
    np = pytest.importorskip("numpy")
    moment = datetime(2024, 1, 31, 12, tzinfo=timezone.utc)
    metadata = {"at": moment, "n": np.int64(7), "x": np.float32(0.5), "l": np.array([1, 2])}
    films.upsert([NewDocument(id="dated", text="A date.", metadata=metadata, expires_at="never")])
    stored = {"at": "2024-01-31T12:00:00+00:00", "n": 7, "x": 0.5, "l": [1, 2]}
    assert films.get("dated").metadata == stored
    assert films.count({"at": {"$gte": moment}}) == 1
    within: list[object] = []
    within.append(within)
    with pytest.raises(InvalidValueError, match="within itself"):
        films.upsert([{"id": 1, "text": "a", "metadata": {"v": within}}])
    with pytest.raises(InvalidValueError, match="within itself"):
        films.update_all({"v": within})
    for value in (float("nan"), float("inf"), {1, 2}, b"bytes", object()):
        with pytest.raises(InvalidValueError) as raised:
            films.upsert([{"id": 1, "text": "a"}, {"id": 2, "text": "b", "metadata": {"v": value}}])
        assert raised.value.place == "documents[1].metadata.v"
    with pytest.raises(InvalidValueError):
        films.upsert([{"id": 1, "text": "a lone surrogate: \ud800"}])


def test_a_scroll_gives_all_and_in_any_order(films: Collection) -> None:
    assert [one.id for one in films.scroll(page=2)] == ["titanic", "gravity", "jaws"]
    order = OrderBy(field="year", direction="desc")
    assert [one.id for one in films.scroll(order_by=order)] == ["gravity", "titanic", "jaws"]
    assert [one.id for one in films.scroll(filter={"year": 1975})] == ["jaws"]
    page = films.scroll_page(limit=2)
    assert len(films.scroll_page(limit=2, cursor=page.next_cursor).documents) == 1
    with pytest.raises(error_codes.InvalidCursorError):
        films.scroll_page(cursor="none")


def test_named_fields_have_vectors_and_texts(client: Client) -> None:
    works = client.create_collection(
        "works", fields={"title": NewField(), "own": NewField(dimension=2)}
    )
    works.upsert([NewDocument(id=1, texts={"title": "The sea"}, vectors={"own": [1, 2]})])
    assert works.get(1, include=["vector"]).vectors["own"] == [1, 2]
    assert works.search(vector=[1, 2], field="own").hits[0].id == 1
    works.patch(1, vectors={"own": None})
    assert works.search(vector=[1, 2], field="own").hits == []
    works.drop()


def test_names_that_are_none_are_refused_before_they_are_sent(client: Client) -> None:
    for name in ("", "..", "a/b", "ä", "x" * 65):
        with pytest.raises(InvalidValueError):
            client.collection(name)
    for id in (True, None, 1.5):
        with pytest.raises(InvalidValueError):
            client.collection("a").get(id)  # type: ignore[arg-type]
    with pytest.raises(InvalidValueError):
        client.collection("a").delete("one id")
