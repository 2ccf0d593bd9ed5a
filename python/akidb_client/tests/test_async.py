"""The asynchronous client is made of the same source; this runs what differs."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from akidb_client import NO_RETRIES, AsyncClient, Client, error_codes
from akidb_client.errors import UnreachableError


def test_it_does_what_its_twin_does(client: Client, tmp_path: Path) -> None:
    asyncio.run(whole_life(client.url, tmp_path))


async def whole_life(url: str, folder: Path) -> None:
    async with AsyncClient(url) as client:
        films = await client.create_collection("async-films")
        await films.upsert([{"id": n, "text": f"Text number {n}."} for n in range(3)])
        found = await asyncio.gather(*(films.search(f"number {n}", limit=1) for n in range(3)))
        assert [one.hits[0].id for one in found] == [0, 1, 2]
        assert [one.id async for one in films.scroll(page=2)] == [0, 1, 2]

        async def more() -> AsyncIterator[dict[str, Any]]:
            for n in range(3, 5):
                await asyncio.sleep(0)
                yield {"id": n, "text": f"Text number {n}."}

        assert (await films.import_documents(more())).created == 2
        assert (await films.import_documents([{"id": 5, "text": "A list."}])).created == 1
        assert await films.export_file(folder / "out.jsonl") == 6
        assert (await films.import_file(folder / "out.jsonl")).updated == 6
        assert len(await films.to_pandas()) == 6
        await client.tasks.wait(await films.copy("async-copy"))
        assert (await client.embed(["a"])).dimension == 384
        await films.drop()
        with pytest.raises(error_codes.CollectionNotFoundError):
            await films.count()


def test_it_starts_a_node_of_its_own(tmp_path: Path, node_env: dict[str, str]) -> None:
    async def run() -> None:
        async with AsyncClient(path=tmp_path / "data", env=node_env) as client:
            assert (await client.version()).name == "akidb"

    asyncio.run(run())


def test_a_client_of_another_event_loop_says_so(client: Client) -> None:
    other = AsyncClient(client.url, retries=NO_RETRIES)
    asyncio.run(other.version())
    with pytest.raises(UnreachableError) as raised:
        asyncio.run(other.version())
    assert "event loop" in (raised.value.hint or "")
