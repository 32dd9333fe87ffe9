"""A budget of memory for the bodies of uploads, in which slow uploads make way for quick ones."""

import asyncio
from collections import deque
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from math import inf

from todo_graphql.errors import Unavailable

ALREADY_RUNNING = "Another import of yours is running. Try again when it has finished."
TOO_MANY = "Too many imports are running. Try again in a moment."
TOO_SLOW = "The server is busy, and other uploads are quicker. Try again in a moment."
RETRY_AFTER_SECONDS = 5

CHUNK_BYTES = 65_536
"""The least size of the chunks of a body: a client may send it byte by byte."""

RATED_BYTES = 1_048_576
"""The bytes after which the rate of an upload is measured anew, so that no upload can be quick
first and then hold its memory.
"""

MIN_RATED_SECONDS = 1.0
"""The age from which on an upload has a rate."""


class Upload:
    """The body of a request, as far as it was received."""

    def __init__(self) -> None:
        self.chunks: deque[bytearray] = deque()
        self.size = 0
        self.is_received = False
        self.is_evicted = False
        self._deadline: asyncio.Timeout | None = None
        """The timeout of the reader, which an eviction ends."""
        self._began = self._rated_from = self._paused_at = inf
        self._rated_bytes = 0

    def begin(self, deadline: asyncio.Timeout) -> None:
        """Start the clock of the sender. The upload has no rate before."""
        self._deadline = deadline
        self._began = self._rated_from = asyncio.get_running_loop().time()

    def set_time_limit(self, seconds: float) -> None:
        """Set the time limit of the whole body. Raises Unavailable if the upload is evicted."""
        self.require_present()
        assert self._deadline is not None
        self._deadline.reschedule(self._began + seconds)

    def require_present(self) -> None:
        """Raise Unavailable if the upload is evicted."""
        if self.is_evicted:
            raise Unavailable(TOO_SLOW, retry_after=RETRY_AFTER_SECONDS)

    @contextmanager
    def pause(self) -> Iterator[None]:
        """Stop the clock of the sender while the server reads nothing.

        There is no time limit until the next one is set.
        """
        assert self._deadline is not None
        self._deadline.reschedule(None)
        now = asyncio.get_running_loop().time
        self._paused_at = now()
        yield
        seconds = now() - self._paused_at
        self._began += seconds
        self._rated_from += seconds
        self._paused_at = inf

    def append(self, data: bytes) -> None:
        if not self.chunks or len(self.chunks[-1]) >= CHUNK_BYTES:
            self.chunks.append(bytearray())
        self.chunks[-1] += data
        self.size += len(data)
        self._rated_bytes += len(data)
        if self._rated_bytes >= RATED_BYTES:
            self._rated_from, self._rated_bytes = asyncio.get_running_loop().time(), 0

    def bytes_per_second(self, now: float) -> float:
        """Return the rate of the sender.

        It is infinite before it is measured, and for a received body.
        """
        seconds = min(now, self._paused_at) - self._rated_from
        if self.is_received or seconds <= MIN_RATED_SECONDS:
            return inf
        return self._rated_bytes / seconds

    def evict(self) -> None:
        """Free the memory, and end the reader."""
        self.is_evicted = True
        self.size = 0
        self.chunks.clear()
        if self._deadline is not None and not self._deadline.expired():
            self._deadline.reschedule(asyncio.get_running_loop().time())


class UploadBudget:
    """The uploads of one process, one for each user, for use on its event loop."""

    def __init__(self, max_bytes: int, max_uploads: int) -> None:
        self._max_bytes = max_bytes
        self._max_uploads = max_uploads
        self._uploads: dict[Hashable, Upload] = {}

    @contextmanager
    def upload(self, owner: Hashable) -> Iterator[Upload]:
        """Hold the memory of an upload in the `with` block.

        Raises Unavailable if the owner has another upload, or if too many uploads are quick.
        """
        if owner in self._uploads:
            raise Unavailable(ALREADY_RUNNING, retry_after=RETRY_AFTER_SECONDS)
        if self.number >= self._max_uploads and not self._evict_slowest():
            raise Unavailable(TOO_MANY, retry_after=RETRY_AFTER_SECONDS)
        self._uploads[owner] = Upload()
        try:
            yield self._uploads[owner]
        finally:
            del self._uploads[owner]

    def receive(self, upload: Upload, data: bytes) -> None:
        """Append data to an upload. Evicts the slowest uploads until the budget has room for it.

        Raises Unavailable if the upload is evicted, or if all other uploads are quick.
        """
        upload.require_present()
        upload.append(data)
        while self.size > self._max_bytes:
            if not self._evict_slowest():
                raise Unavailable(TOO_MANY, retry_after=RETRY_AFTER_SECONDS)
            upload.require_present()

    @property
    def size(self) -> int:
        """Return the bytes of all uploads."""
        return sum(upload.size for upload in self._uploads.values())

    @property
    def number(self) -> int:
        """Return the number of uploads, without the evicted ones."""
        return sum(not upload.is_evicted for upload in self._uploads.values())

    def _evict_slowest(self) -> bool:
        """Evict the slowest upload, and return whether there was any with a rate."""
        now = asyncio.get_running_loop().time()
        present = (upload for upload in self._uploads.values() if not upload.is_evicted)
        slowest = min(present, key=lambda upload: upload.bytes_per_second(now))
        if slowest.bytes_per_second(now) == inf:
            return False
        slowest.evict()
        return True
