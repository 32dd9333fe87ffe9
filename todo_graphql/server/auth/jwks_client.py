"""The document with an issuer's public keys: fetched, kept, and fetched anew.

By the standard library's http.client, which follows no redirect, knows no scheme but two, asks no
proxy that the environment names, and trusts the certificates that the system trusts. It blocks,
so it runs on a thread, one at a time. Nothing of a document is ever logged.
"""

import asyncio
import logging
import os
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from socket import socket
from urllib.parse import urlsplit

from todo_graphql.outage_log import OutageLog
from todo_graphql.server.auth.jwk_set import read_key_set
from todo_graphql.server.auth.keys import RETRY_AFTER, PublicKeys
from todo_graphql.store.postgres.cancellation import SocketCanceller

logger = logging.getLogger(__name__)

MAX_BYTES = 65_536
TIMEOUT = 5.0
"""Seconds to connect, and as many to shake hands and to answer. A request waits no longer."""

PAUSE = 30.0
"""Seconds between two fetches for tokens of unknown keys, which anybody can make up."""

INTERVAL = 600.0
"""Seconds after which the keys are fetched anew in any case: one that has gone from the document
is trusted no longer than that.
"""


class FetchError(Exception):
    """There is no document, or none that can be read. Says why, and nothing of what it holds."""


class IssuersKeys:
    """Keeps somebody up to date who trusts an issuer's keys. All of it runs on the event loop,
    but for the fetching itself; so it needs no lock.

    While the issuer is away, nothing changes: keys that were good stay so.
    """

    def __init__(self, url: str, trust: Callable[[PublicKeys], None]) -> None:
        self._url = url
        self._trust = trust
        self._has_keys = False
        self._not_before = 0.0
        self._fetching: asyncio.Task[None] | None = None
        self._outage = OutageLog(logger, "The keys of AUTH_JWKS_URL are in order again.")

    @asynccontextmanager
    async def kept_fresh(self) -> AsyncIterator[None]:
        """Fetch them now and then, without anybody waiting for it."""
        task = asyncio.create_task(self._keep_fresh())
        try:
            yield
        finally:
            for pending in (task, self._fetching):
                if pending is not None:
                    pending.cancel()
                    with suppress(asyncio.CancelledError):
                        await pending

    async def _keep_fresh(self) -> None:
        while True:
            await asyncio.wait({self._fetch()})
            await asyncio.sleep(self._interval())

    def _interval(self) -> float:
        if not self._has_keys:
            return RETRY_AFTER
        return PAUSE if self._outage.is_told else INTERVAL

    async def renew(self) -> None:
        """Fetch them for a token whose key is not known, if that was not done a moment ago.
        Whoever comes meanwhile waits for the same answer.
        """
        if self._fetching is None and time.monotonic() < self._not_before:
            return
        if self._fetching is None:
            self._not_before = time.monotonic() + (PAUSE if self._has_keys else RETRY_AFTER)
        await asyncio.wait({self._fetch()}, timeout=TIMEOUT)

    def _fetch(self) -> asyncio.Task[None]:
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._fetch_and_trust())
        return self._fetching

    async def _fetch_and_trust(self) -> None:
        try:
            keys = await asyncio.to_thread(fetch, self._url)
        except FetchError as reason:
            self._outage.report(f"The keys of AUTH_JWKS_URL cannot be fetched: {reason}.")
        else:
            self._trust(keys)
            self._has_keys = True
            self._tell_about(keys)
        finally:
            self._fetching = None

    def _tell_about(self, keys: PublicKeys) -> None:
        if warning := warning_about(keys):
            self._outage.report(warning)
        else:
            self._outage.recover()


def warning_about(keys: PublicKeys) -> str:
    """What is not as it should be with a document that could be read, or nothing."""
    if keys.exposed:
        return "AUTH_JWKS_URL publishes a private key: whoever reads it could sign. It is ignored."
    if not keys.keys:
        return "AUTH_JWKS_URL holds no key that can be used: every token is refused."
    return ""


def fetch(url: str) -> PublicKeys:
    """What the issuer publishes now. Raises FetchError."""
    try:
        return read_key_set(download(url))
    except ssl.SSLError as error:
        raise FetchError(f"there is no safe connection ({error.reason})") from None
    except OSError as error:
        raise FetchError(error.strerror or "there was no answer") from None
    except HTTPException:
        raise FetchError("the answer is not HTTP, or is not complete") from None
    except ValueError as error:
        raise FetchError(str(error)) from None


def download(url: str) -> bytes:
    """A document of bounded size, in bounded time."""
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    target = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
    with closing(kind(parts.hostname or "", parts.port, timeout=TIMEOUT)) as connection:
        connection.connect()
        with hung_up_in_time(connection.sock):
            connection.request("GET", target, headers={"Accept": "application/json"})
            with closing(connection.getresponse()) as response:
                return content_of(response)


@contextmanager
def hung_up_in_time(connected: socket) -> Iterator[None]:
    """A time-out of a socket is for each piece, and who sends one byte after the other has many."""
    canceller = SocketCanceller()
    timer = threading.Timer(TIMEOUT, canceller.cancel)
    timer.daemon = True
    # A number of our own: the response closes its socket when it has been read, which may be
    # somebody else's number a moment later.
    own = os.dup(connected.fileno())
    try:
        with canceller.watching(own):
            timer.start()
            yield
    finally:
        timer.cancel()
        timer.join()
        os.close(own)


def content_of(response: HTTPResponse) -> bytes:
    """Raises FetchError for anything but an answer of bounded size."""
    if response.status != 200:
        raise FetchError(f"the answer's status is {response.status}, and not 200")
    content = response.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise FetchError(f"the answer has more than {MAX_BYTES:,} bytes")
    return content
