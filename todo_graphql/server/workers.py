"""The threads that operations run on: as many as there are connections, so none waits for one."""

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Workers:
    """A bounded pool of threads that the event loop may wait for without being blocked."""

    def __init__(self, size: int) -> None:
        self._executor = ThreadPoolExecutor(size, thread_name_prefix="operation")

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call the function on one of the threads, with the caller's context variables."""
        context = contextvars.copy_context()

        def call() -> T:
            return context.run(function, *args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._executor, call)

    def close(self) -> None:
        """Wait for what is running, and take nothing new."""
        self._executor.shutdown()
