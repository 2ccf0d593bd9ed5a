"""The client of AkiDB, a vector database node that embeds text itself.

`Client` waits for each answer, `AsyncClient` is its asynchronous twin. Requests and replies are
dataclasses of `akidb_client.models`, errors are classes of `akidb_client.errors` and, a class for
each code of the node, of `akidb_client.error_codes`.
"""

from akidb_client._async.client import AsyncClient
from akidb_client._async.collection import AsyncCollection
from akidb_client._sync.client import Client
from akidb_client._sync.collection import Collection
from akidb_client.errors import AkiDBError, NodeError
from akidb_client.import_batches import ImportResult, LineError
from akidb_client.models import (
    FacetRequest,
    HybridParameters,
    NewDocument,
    NewField,
    OrderBy,
    RerankParameters,
    SearchRequest,
)
from akidb_client.retries import NO_RETRIES, PATIENT, Retries
from akidb_client.settings import VERSION
from akidb_client.values import DocumentId, Filter, Vector

__version__ = VERSION

__all__ = [
    "NO_RETRIES",
    "PATIENT",
    "AkiDBError",
    "AsyncClient",
    "AsyncCollection",
    "Client",
    "Collection",
    "DocumentId",
    "FacetRequest",
    "Filter",
    "HybridParameters",
    "ImportResult",
    "LineError",
    "NewDocument",
    "NewField",
    "NodeError",
    "OrderBy",
    "RerankParameters",
    "Retries",
    "SearchRequest",
    "Vector",
    "__version__",
]
