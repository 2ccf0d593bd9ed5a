"""Keys, backups and models."""

from pathlib import Path

import pytest

from akidb_client import Client, Retries, error_codes


def test_keys_close_a_node(tmp_path: Path, node_env: dict[str, str]) -> None:
    with Client(path=tmp_path / "data", env=node_env) as opened:
        first = opened.admin.create_key("first", "admin")
        with pytest.raises(error_codes.UnauthenticatedError) as raised:
            opened.collections()
        assert "AKIDB_API_KEY" in (raised.value.hint or "")
        with Client(opened.url, api_key=first.secret) as admin:
            admin.create_collection("open", dimension=1)
            reader = admin.admin.create_key("reader", "read", collections=["open"])
            with Client(opened.url, api_key=reader.secret) as read:
                assert read.collection("open").count() == 0
                with pytest.raises(error_codes.PermissionDeniedError):
                    read.collection("open").drop()
            rotated = admin.admin.rotate_key(reader.key.id, grace_seconds=60)
            assert rotated.secret != reader.secret
            assert admin.admin.revoke_key(reader.key.id).state == "revoked"
            with Client(opened.url, api_key=rotated.secret) as revoked:
                with pytest.raises(error_codes.UnauthenticatedError):
                    revoked.collection("open").count()
            listed = admin.admin.keys()
            assert {key.name for key in listed} == {"first", "reader"}
        with Client(opened.url, api_key="wrong") as wrong:
            with pytest.raises(error_codes.UnauthenticatedError):
                wrong.collections()


def test_a_key_keeps_to_a_rate_of_its_own(tmp_path: Path, node_env: dict[str, str]) -> None:
    with Client(path=tmp_path / "data", env=node_env) as opened:
        first = opened.admin.create_key("first", "admin")
        with Client(opened.url, api_key=first.secret) as admin:
            limits = {limit.name: limit for limit in admin.admin.limits()}
            rate = limits["rate_limit_per_user"]
            assert (rate.value, rate.default) == (0, 0)
            slow = admin.admin.create_key("slow", "read", requests_per_minute=1)
            assert slow.key.requests_per_minute == 1
        with Client(opened.url, api_key=slow.secret, retries=Retries(attempts_max=1)) as limited:
            with pytest.raises(error_codes.RateLimitedError) as raised:
                while True:
                    limited.collections()
            assert 0 < (raised.value.retry_after or 0) <= 60


def test_a_backup_is_made_and_deleted(tmp_path: Path, node_env: dict[str, str]) -> None:
    with Client(path=tmp_path / "data", env=node_env) as client:
        client.create_collection("saved", dimension=1).upsert([{"id": 1, "vector": [1.0]}])
        task = client.tasks.wait(client.admin.create_backup())
        backup = client.admin.backup(task.id)
        assert [one.document_count for one in backup.collections] == [1]
        assert [one.id for one in client.admin.backups()] == [backup.id]
        client.admin.delete_backup(backup.id)
        with pytest.raises(error_codes.BackupNotFoundError):
            client.admin.backup(backup.id)
        with pytest.raises(error_codes.TaskEndedError):
            client.tasks.cancel(task.id)


def test_models_are_told_of(client: Client) -> None:
    (model,) = [one for one in client.admin.models() if one.is_default]
    assert client.admin.model(model.name).state == "ready"
    assert client.admin.load_model(model.name).name == model.name
    with pytest.raises(error_codes.ModelNotFoundError):
        client.admin.unload_model("none", force=True)
