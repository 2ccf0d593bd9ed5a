"""The asynchronous client, from which `akidb_client._sync` is made by `tools/generate_sync.py`."""
