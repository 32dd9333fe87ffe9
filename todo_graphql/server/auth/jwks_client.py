"""The JWKS client, which fetches and refreshes an issuer's public keys.

A download takes at most TIMEOUT_SECONDS and MAX_BYTES. It follows no redirect and uses no proxy of
the environment. Nothing of a document or a URL is logged.
"""

import asyncio
import logging
import os
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from socket import gaierror

import httpx

from todo_graphql.outage_log import OutageLog
from todo_graphql.server.auth.jwk_set import read_key_set
from todo_graphql.server.auth.keys import RETRY_AFTER, PublicKeys

logger = logging.getLogger(__name__)

MAX_BYTES = 65_536
TIMEOUT_SECONDS = 5.0
"""The limit of a whole download. A request waits no longer for one."""

PAUSE_SECONDS = 30.0
"""The minimum time between two fetches for unknown keys: any client can invent a `kid`."""

INTERVAL_SECONDS = 600.0
"""The time between two regular fetches: a key that the issuer withdraws is trusted no longer."""


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
        self._has_keys = False
        self._not_before = 0.0
        self._fetching: asyncio.Task[None] | None = None
        self._outage = OutageLog(logger, "The keys of AUTH_JWKS_URL are valid again.")

    @asynccontextmanager
    async def kept_fresh(self) -> AsyncIterator[None]:
        """Fetch the keys at regular intervals, in the background."""
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
        return PAUSE_SECONDS if self._outage.is_told else INTERVAL_SECONDS

    async def refresh(self) -> None:
        """Fetch the keys for a token with an unknown key, unless a fetch was just made.

        Concurrent callers wait for the same fetch.
        """
        if self._fetching is None and time.monotonic() < self._not_before:
            return
        if self._fetching is None:
            self._not_before = time.monotonic() + (PAUSE_SECONDS if self._has_keys else RETRY_AFTER)
        await asyncio.wait({self._fetch()})

    def _fetch(self) -> asyncio.Task[None]:
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._fetch_and_trust())
        return self._fetching

    async def _fetch_and_trust(self) -> None:
        try:
            keys = await fetch(self._url)
        except FetchError as reason:
            self._outage.report(f"The keys of AUTH_JWKS_URL cannot be fetched: {reason}.")
        else:
            self._trust(keys)
            self._has_keys = True
            self._log_warning(keys)
        finally:
            self._fetching = None

    def _log_warning(self, keys: PublicKeys) -> None:
        if warning := warning_about(keys):
            self._outage.report(warning)
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
