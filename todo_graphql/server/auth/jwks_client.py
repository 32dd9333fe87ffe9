"""The JWKS client, which fetches and refreshes an issuer's public keys.

A download takes at most TIMEOUT_SECONDS and MAX_BYTES. It follows no redirect and uses no proxy of
the environment. Nothing of a document or a URL is logged.
"""

import asyncio
import logging
import os
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from socket import gaierror

import httpx

from todo_graphql.outage_log import OutageLog
from todo_graphql.server.auth.jwk_set import read_key_set
from todo_graphql.server.auth.keys import RETRY_AFTER, NoKeys, PublicKeys, UnfetchedKey

logger = logging.getLogger(__name__)

MAX_BYTES = 65_536
TIMEOUT_SECONDS = 5.0
"""The limit of a whole download, and of the wait of a request for one."""

PAUSE_SECONDS = 3.0
"""The minimum time between the starts of two fetches: any client can invent a `kid`."""

INTERVAL_SECONDS = 600.0
"""The time between two regular fetches: a key that the issuer withdraws is trusted no longer."""

OUTAGE_INTERVAL_SECONDS = 30.0
"""The time between two regular fetches while the issuer is unavailable."""

MAX_WAITING = 500
"""The maximum number of requests that wait for a fetch."""

MAX_WAITING_PER_NETWORK = 50
"""The share of one client, which leaves room for the others."""


class FetchError(Exception):
    """The document is unavailable or unreadable. The message quotes nothing of it."""


class JWKSClient:
    """A client that passes the keys of an issuer to `trust` after each fetch.

    It runs on the event loop alone, so it needs no lock. Known keys stay valid during an outage of
    the issuer.
    """

    def __init__(self, url: str, trust: Callable[[PublicKeys], None]) -> None:
        self._url = url
        self._trust = trust
        self._has_keys = False  # since the first successful fetch
        self._is_fresh = False  # by the last fetch, which returned a usable document
        self._not_before = 0.0
        self._running: asyncio.Task[bool] | None = None
        self._scheduled: asyncio.Task[bool] | None = None  # it has not begun
        self._waiting: Counter[str] = Counter()  # requests by network
        self._outage = OutageLog(logger, "The keys of AUTH_JWKS_URL are valid again.")

    @asynccontextmanager
    async def kept_fresh(self) -> AsyncIterator[None]:
        """Fetch the keys at regular intervals, in the background."""
        task = asyncio.create_task(self._keep_fresh())
        try:
            yield
        finally:
            for pending in (task, self._scheduled, self._running):
                if pending is not None:
                    pending.cancel()
                    with suppress(asyncio.CancelledError):
                        await pending

    async def _keep_fresh(self) -> None:
        while True:
            await asyncio.wait({self._next_fetch()})
            await asyncio.sleep(self._interval())

    def _interval(self) -> float:
        if not self._has_keys:
            return RETRY_AFTER
        return INTERVAL_SECONDS if self._is_fresh else OUTAGE_INTERVAL_SECONDS

    async def refresh(self, network: str) -> None:
        """Wait for a fetch that begins after this call, for a token with an unknown key.

        Concurrent callers share the fetch. Raises UnfetchedKey, or NoKeys before the first
        successful fetch, if it fails or takes too long, or if too many requests wait.
        """
        with self._counted(network):
            fetch = self._next_fetch()
            await asyncio.wait({fetch}, timeout=TIMEOUT_SECONDS)
        if not fetch.done() or fetch.cancelled() or not fetch.result():
            raise self._unavailable()

    @contextmanager
    def _counted(self, network: str) -> Iterator[None]:
        """Count a waiting request of a network. Raises UnfetchedKey or NoKeys above a limit."""
        is_full = self._waiting.total() >= MAX_WAITING
        if is_full or self._waiting[network] >= MAX_WAITING_PER_NETWORK:
            raise self._unavailable()
        self._waiting[network] += 1
        try:
            yield
        finally:
            self._waiting[network] -= 1
            if not self._waiting[network]:
                del self._waiting[network]

    def _unavailable(self) -> UnfetchedKey | NoKeys:
        return UnfetchedKey() if self._has_keys else NoKeys()

    def _next_fetch(self) -> asyncio.Task[bool]:
        """Return the fetch that begins next, which all callers until then share."""
        if self._scheduled is None or self._scheduled.done():
            self._scheduled = asyncio.create_task(self._fetch_after(self._running))
        return self._scheduled

    async def _fetch_after(self, previous: asyncio.Task[bool] | None) -> bool:
        """Fetch after the previous fetch and the pause. Return whether the keys were fetched."""
        if previous is not None and not previous.done():
            await asyncio.wait({previous})
        await asyncio.sleep(self._not_before - time.monotonic())
        self._not_before = time.monotonic() + PAUSE_SECONDS
        self._running, self._scheduled = self._scheduled, None
        return await self._fetch_and_trust()

    async def _fetch_and_trust(self) -> bool:
        try:
            keys = await fetch(self._url)
            self._trust(keys)
        except Exception as error:  # noqa: BLE001 - known keys stay valid after every failure
            reason = error if isinstance(error, FetchError) else type(error).__name__
            self._update_outage(f"The keys of AUTH_JWKS_URL cannot be fetched: {reason}.")
            return False
        self._has_keys = True
        self._update_outage(warning_about(keys))
        return True

    def _update_outage(self, problem: str) -> None:
        self._is_fresh = not problem
        if problem:
            self._outage.report(problem)
        else:
            self._outage.recover()


def warning_about(keys: PublicKeys) -> str:
    """Return the problem of a readable document, or an empty string."""
    if keys.exposed:
        return "AUTH_JWKS_URL publishes a private key: any reader could sign. It is ignored."
    if not keys.keys:
        return "AUTH_JWKS_URL contains no usable key: every token is rejected."
    return ""


async def fetch(url: str) -> PublicKeys:
    """Return the keys that the issuer publishes now. Raises FetchError."""
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return await asyncio.to_thread(read_key_set, await download(url))
    except httpx.RemoteProtocolError:
        raise FetchError("the response is malformed or incomplete") from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise FetchError(reason_of(error)) from None
    except ValueError as error:
        raise FetchError(str(error)) from None


async def download(url: str) -> bytes:
    """Return the document. Raises FetchError for another status, or more than MAX_BYTES."""
    context = await asyncio.to_thread(ssl.create_default_context)  # it reads the system's store
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    content = bytearray()
    async with (
        httpx.AsyncClient(verify=context, trust_env=False, timeout=TIMEOUT_SECONDS) as client,
        client.stream("GET", url, headers=headers) as response,
    ):
        if response.status_code != httpx.codes.OK:
            raise FetchError(f"the response has status {response.status_code} instead of 200")
        async for piece in response.aiter_raw():
            content += piece
            if len(content) > MAX_BYTES:
                raise FetchError(f"the response has more than {MAX_BYTES:,} bytes")
    return bytes(content)


def reason_of(error: BaseException) -> str:
    """Return the system's reason for a failed connection. The messages of httpx may hold a URL."""
    for cause in causes_of(error):
        if isinstance(cause, ssl.SSLError):
            return f"the connection is not secure ({cause.reason})"
        if isinstance(cause, gaierror):
            return cause.strerror or "unknown host name"
        if isinstance(cause, OSError) and cause.errno:
            return os.strerror(cause.errno)
    return "no response"


def causes_of(error: BaseException | None) -> Iterator[BaseException]:
    """Yield the error and its causes. A group contributes the causes of its last error."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            error = error.exceptions[-1]
        else:
            error = error.__cause__ or error.__context__
