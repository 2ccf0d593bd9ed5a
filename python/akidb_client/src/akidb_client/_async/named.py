"""What all parts of a collection have in common: its name and the way to the node."""

import re

from akidb_client._async.transport import AsyncTransport
from akidb_client.errors import InvalidValueError

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class AsyncNamed:
    """A collection by its name."""

    def __init__(self, transport: AsyncTransport, name: str) -> None:
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise InvalidValueError("name", f"{name!r} is not 1 to 64 of A-Z a-z 0-9 _ -")
        self._transport, self.name = transport, name

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r} at {self._transport.settings.url})"

    def _path(self, *below: str) -> tuple[str, ...]:
        return ("v1", "collections", self.name, *below)
