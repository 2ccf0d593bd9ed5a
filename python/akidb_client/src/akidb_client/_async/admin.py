"""What an administrator does: keys, backups, models."""

from collections.abc import Sequence
from typing import Literal

from akidb_client import request
from akidb_client._async.transport import AsyncTransport
from akidb_client.models import (
    Backup,
    BackupList,
    CollectionDeleted,
    IssuedKey,
    Key,
    KeyList,
    Limit,
    LimitList,
    Model,
    ModelList,
    NewKey,
    RotateKey,
    Task,
)

KEYS = ("v1", "admin", "keys")
BACKUPS = ("v1", "admin", "backups")
MODELS = ("v1", "admin", "models")


class AsyncAdmin:
    """Keys, backups and models of a node. A node with keys asks for one of role `admin`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def keys(self) -> list[Key]:
        """All keys, the oldest first, without what clients show."""
        return (await self._transport.send(request.get(*KEYS), KeyList)).keys

    async def create_key(
        self,
        name: str,
        role: Literal["read", "write", "admin"],
        *,
        collections: Sequence[str] | None = None,
        ttl_seconds: int | None = None,
        requests_per_minute: int | None = None,
    ) -> IssuedKey:
        """Makes a key. Its `secret` is what clients show, and nobody can be told it again.

        The first key must be of role `admin`; from it on the node answers nobody without a key.
        `requests_per_minute` stands in place of the node's `rate_limit_per_user`.
        """
        wanted = NewKey(
            name=name,
            role=role,
            collections=collections,
            ttl_seconds=ttl_seconds,
            requests_per_minute=requests_per_minute,
        )
        return await self._transport.send(request.post(*KEYS, body=wanted), IssuedKey)

    async def rotate_key(self, key_id: str, *, grace_seconds: int | None = None) -> IssuedKey:
        """Gives a key another secret; that of before is taken for `grace_seconds` more."""
        wanted = RotateKey(grace_seconds=grace_seconds)
        return await self._transport.send(
            request.post(*KEYS, key_id, "rotate", body=wanted), IssuedKey
        )

    async def revoke_key(self, key_id: str) -> Key:
        """Ends a key at once."""
        return await self._transport.send(request.post(*KEYS, key_id, "revoke"), Key)

    async def limits(self) -> list[Limit]:
        """What requests and clients are limited to, as the node was started."""
        return (await self._transport.send(request.get("v1", "admin", "limits"), LimitList)).limits

    async def backups(self) -> list[Backup]:
        """Every backup, the newest first."""
        return (await self._transport.send(request.get(*BACKUPS), BackupList)).backups

    async def create_backup(self) -> Task:
        """Begins a backup of all collections as of this moment. Its id is that of the task."""
        return await self._transport.send(request.post(*BACKUPS), Task)

    async def backup(self, backup_id: str) -> Backup:
        """A backup by its id.

        Raises:
            BackupNotFoundError: There is none.
        """
        return await self._transport.send(request.get(*BACKUPS, backup_id), Backup)

    async def delete_backup(self, backup_id: str) -> None:
        """Deletes a backup with its files."""
        sent = request.with_body("DELETE", (*BACKUPS, backup_id), None)
        await self._transport.send(sent, CollectionDeleted)

    async def models(self) -> list[Model]:
        """Every model of the node's configuration, by name."""
        return (await self._transport.send(request.get(*MODELS), ModelList)).models

    async def model(self, name: str) -> Model:
        """A model of the configuration.

        Raises:
            ModelNotFoundError: The configuration lists none of this name.
        """
        return await self._transport.send(request.get(*MODELS, name), Model)

    async def load_model(self, name: str) -> Model:
        """Begins to load a model; `model` says how far that is."""
        return await self._transport.send(
            request.post(*MODELS, name, "load", repeatable=True), Model
        )

    async def unload_model(self, name: str, *, force: bool = False) -> Model:
        """Unloads a model.

        Raises:
            ModelInUseError: A collection uses it, and `force` is not given.
        """
        query = {"force": "true"} if force else {}
        sent = request.Request("POST", (*MODELS, name, "unload"), query, repeatable=True)
        return await self._transport.send(sent, Model)
