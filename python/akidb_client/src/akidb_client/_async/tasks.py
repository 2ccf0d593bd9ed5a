"""Tasks: what goes on for longer than a request."""

import asyncio
import time
from collections.abc import Callable

from akidb_client import request
from akidb_client._async.transport import AsyncTransport
from akidb_client.errors import RequestTimeoutError, TaskFailedError
from akidb_client.models import Task, TaskList

POLL_FIRST_S = 0.02
POLL_MAX_S = 1.0


class AsyncTasks:
    """The tasks of a node: copies, backups, changes of a model."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def all(self) -> list[Task]:
        """What goes on now, and tasks that have ended, the newest first."""
        return (await self._transport.send(request.get("v1", "tasks"), TaskList)).tasks

    async def get(self, task_id: str) -> Task:
        """A task by its id.

        Raises:
            TaskNotFoundError: There is none, be it that it ended long ago.
        """
        return await self._transport.send(request.get("v1", "tasks", task_id), Task)

    async def cancel(self, task_id: str) -> Task:
        """Ends a task before it is done; nothing is left of it.

        Raises:
            TaskEndedError: It has ended already.
        """
        return await self._transport.send(request.post("v1", "tasks", task_id, "cancel"), Task)

    async def wait(
        self,
        task: Task | str,
        *,
        timeout: float | None = None,
        on_progress: Callable[[Task], None] | None = None,
    ) -> Task:
        """Waits until a task has succeeded.

        Args:
            task: The task, or its id.
            timeout: Seconds to wait at most; as long as it takes where absent.
            on_progress: Is called with the task whenever it was asked for.

        Raises:
            TaskFailedError: It failed, or was cancelled.
            RequestTimeoutError: It goes on after the timeout, and still does.
        """
        task_id = task if isinstance(task, str) else task.id
        until = None if timeout is None else time.monotonic() + timeout
        pause_s = POLL_FIRST_S
        while True:
            found = await self.get(task_id)
            if on_progress is not None:
                on_progress(found)
            if found.state not in {"pending", "running"}:
                return succeeded(found)
            if until is not None and time.monotonic() + pause_s > until:
                raise RequestTimeoutError(
                    f"the task {task_id} goes on after {timeout} s", outcome="unknown"
                )
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, POLL_MAX_S)


def succeeded(task: Task) -> Task:
    """The task, or the error of one that did not succeed."""
    if task.state == "succeeded":
        return task
    code, message = ("", "") if task.error is None else (task.error.code, task.error.message)
    raise TaskFailedError(task.id, task.state, code, message)
