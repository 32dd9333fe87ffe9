"""Framings of a stream over HTTP, which `Accept` chooses.

Server-sent events follow the distinct connections mode of graphql-sse. Lines end with LF alone,
where urql splits. Multipart follows Apollo's multipart protocol for subscriptions: each part ends
with the delimiter of the next one, because clients wait for it.
"""

from functools import lru_cache
from typing import NamedTuple
from urllib.request import parse_http_list

from starlette.responses import Response
from starlette.types import Scope

from todo_graphql.server.http.content_negotiation import (
    JSON,
    MAX_CHARACTERS,
    header,
    parse_media_type,
    preferred,
)

HEADERS = {
    # Proxies must neither compress nor buffer a stream.
    "Cache-Control": "no-store, no-transform",
    "X-Accel-Buffering": "no",
}

RETRY_STATUSES = (429, 503)


class Framing(NamedTuple):
    """The bytes around the results of a stream, and its media type."""

    name: str
    media_type: str
    opening: bytes
    before: bytes
    after: bytes
    heartbeat: bytes
    completion: bytes

    @property
    def headers(self) -> dict[str, str]:
        return {"Content-Type": self.media_type, **HEADERS}

    def frame(self, body: bytes) -> bytes:
        return self.before + body + self.after

    def is_preferred(self, scope: Scope) -> bool:
        """Return whether the operation is probably a subscription.

        The client then accepts no JSON, or it accepts multipart, which Apollo accepts for nothing
        else. urql accepts events for all operations.
        """
        return self is MULTIPART or not accepts_json(scope)

    def single_response(self, response: Response, scope: Scope) -> Response:
        """Return the response to an operation with a single result.

        It stays JSON if the client accepts it, and if a repeated request may succeed.

        The result is an event otherwise, also that of an invalid document: a client of server-sent
        events would repeat any request with another status.
        """
        if response.status_code in RETRY_STATUSES or accepts_json(scope):
            return response
        content = self.opening + self.frame(bytes(response.body)) + self.completion
        return Response(content, headers=self.headers)


def accepts_json(scope: Scope) -> bool:
    """Return whether `Accept` names a media type of a single result."""
    accepted = header(scope, b"accept")
    return bool(accepted and preferred(accepted))


SSE = Framing(
    name="sse",
    media_type="text/event-stream; charset=utf-8",
    opening=b"",
    before=b"event: next\ndata: ",
    after=b"\n\n",
    heartbeat=b":\n\n",
    completion=b"event: complete\ndata:\n\n",
)

PART = b"\r\nContent-Type: application/json\r\n\r\n"
DELIMITER = b"\r\n--graphql"

MULTIPART = Framing(
    name="multipart",
    media_type="multipart/mixed; boundary=graphql; subscriptionSpec=1.0",
    opening=DELIMITER,
    before=PART + b'{"payload":',
    after=b"}" + DELIMITER,
    heartbeat=PART + b"{}" + DELIMITER,
    completion=b"--\r\n",
)


def accepted_framing(scope: Scope) -> Framing | None:
    """Return the framing that a request prefers, or None if it accepts no stream."""
    accepted = header(scope, b"accept")
    if accepted is None or accepted in ("*/*", JSON) or len(accepted) > MAX_CHARACTERS:
        return None
    return _preferred_framing(accepted)


@lru_cache(maxsize=128)
def _preferred_framing(accepted: str) -> Framing | None:
    chosen, greatest = None, 0.0
    for element in parse_http_list(accepted):
        media_type, parameters = parse_media_type(element)
        values = dict(parameters)
        framing = None
        if media_type == "text/event-stream":
            framing = SSE
        elif media_type == "multipart/mixed" and values.get("subscriptionspec") == "1.0":
            framing = MULTIPART
        try:
            weight = float(values.get("q", "1"))
        except ValueError:
            continue
        if framing is not None and greatest < weight <= 1:
            chosen, greatest = framing, weight
    return chosen
