"""Content negotiation by `Accept`, and the media type of a body by `Content-Type`.

Both follow GraphQL over HTTP (https://graphql.github.io/graphql-over-http/draft/) and RFC 9110,
sections 8.3 and 12.5.1.
"""

from collections.abc import Iterable, Iterator
from email.message import Message
from functools import lru_cache
from urllib.request import parse_http_list

from starlette.types import Scope

from todo_graphql.errors import BadUserInput, InputReason
from todo_graphql.server import routes

JSON = "application/json"
GRAPHQL = "application/graphql-response+json; charset=utf-8"
HTML = "text/html"

RETRY_STATUSES = (429, 503)
"""The statuses of a request that may be repeated. Unless its outcome is unknown, the media type is
`application/json` where that is accepted: Apollo's RetryLink repeats no other (decision 0024).
"""

MAX_CHARACTERS = 1_000
"""The longest header that is parsed. Browsers send about 150 characters."""

MAX_PARAMETERS = 20
"""The most parameters of one media type: the standard library's parser takes quadratic time."""

RANGES = frozenset({JSON, GRAPHQL.partition(";")[0], HTML, "application/*", "*/*"})

FIELDS = "todo_graphql.fields"
"""The key of the headers by their names, in an ASGI scope."""

UTF_8 = frozenset({"utf-8", "utf8"})


def response_type(scope: Scope, *, is_default: bool = False) -> str:
    """Return the media type of the response to a request to /graphql.

    Raises BadUserInput with status 406 when the client accepts neither of the two, unless JSON
    `is_default`.
    """
    accepted = header(scope, b"accept")
    chosen = JSON if accepted is None else preferred(accepted)
    if chosen is None and is_default:
        return JSON
    if chosen is None:
        raise BadUserInput(
            "Not acceptable: this endpoint responds with `application/graphql-response+json` or "
            "`application/json`, in UTF-8.",
            reason=InputReason.UNSUPPORTED_REQUEST,
            status=406,
        )
    return chosen


def error_type(scope: Scope) -> str:
    """Return the media type of an error response, which is sent even if it is not accepted."""
    if scope["path"] != routes.GRAPHQL:
        return JSON
    return preferred(header(scope, b"accept") or "*/*") or JSON


def retry_type(scope: Scope) -> str:
    """Return the media type of the response to a request that may be repeated."""
    accepted = header(scope, b"accept") or "*/*"
    return JSON if accepts_json(accepted) else error_type(scope)


def preferred(accepted: str) -> str | None:
    """Return the media type that an Accept header prefers, or None if it accepts neither.

    `application/json` is the default for `*/*`, which fetch and curl send, and for a request
    without the header. The newer type is chosen if the header names it with at least the same
    quality, in any order.
    """
    if accepted in ("*/*", JSON):
        return JSON
    return _preferred(accepted) if len(accepted) <= MAX_CHARACTERS else None


@lru_cache(maxsize=128)
def _preferred(accepted: str) -> str | None:
    elements = [element for element in parse_http_list(accepted) if element]
    if not elements:  # an empty header accepts any type
        return JSON
    ranges = list(media_ranges(elements))
    named, newer = quality(GRAPHQL.partition(";")[0], ranges)
    _, older = quality(JSON, ranges)
    if newer > older or (newer == older > 0 and named):
        return GRAPHQL
    return JSON if older > 0 else None


@lru_cache(maxsize=128)
def accepts_json(accepted: str) -> bool:
    return quality(JSON, parse_accept(accepted))[1] > 0


@lru_cache(maxsize=128)
def prefers_html(accepted: str) -> bool:
    """Return whether an Accept header names `text/html` and prefers it to JSON.

    Browsers send such a header for a page that they open.
    """
    ranges = parse_accept(accepted)
    named, weight = quality(HTML, ranges)
    others = [quality(other, ranges) for other in (JSON, GRAPHQL.partition(";")[0])]
    is_first = all((weight, named) > (other, is_named) for is_named, other in others)
    return named and weight > 0 and is_first


def parse_accept(accepted: str) -> list[tuple[str, float]]:
    """Return the media ranges of an Accept header. One that is too long has none."""
    if len(accepted) > MAX_CHARACTERS:
        return []
    return [*media_ranges(element for element in parse_http_list(accepted) if element)]


def media_ranges(elements: Iterable[str]) -> Iterator[tuple[str, float]]:
    """Return each media range that covers one of the types, with its quality.

    Ranges with another charset or an invalid quality are skipped.
    """
    for element in elements:
        if element.partition(";")[0].rstrip().lower() not in RANGES:
            continue
        media_range, parameters = parse_media_type(element)
        values = dict(parameters)
        try:
            weight = float(values.get("q", "1"))
        except (TypeError, ValueError):
            continue
        if values.get("charset", "utf-8") in UTF_8 and 0 <= weight <= 1:
            yield media_range, weight


def quality(media_type: str, ranges: list[tuple[str, float]]) -> tuple[bool, float]:
    """Return whether the type is named, and its quality: the most specific range counts."""
    for wanted in (media_type, "application/*", "*/*"):
        weights = [weight for name, weight in ranges if name == wanted]
        if weights:
            return wanted == media_type, max(weights)
    return False, 0.0


def require_json(scope: Scope) -> None:
    """Raise BadUserInput with status 415 unless one Content-Type declares JSON in UTF-8."""
    given = header(scope, b"content-type")
    if given == JSON:
        return
    media_type, charsets = content_type(given)
    if media_type != JSON or not charsets <= UTF_8:
        raise BadUserInput(
            "Unsupported media type: send the request as `Content-Type: application/json`.",
            reason=InputReason.UNSUPPORTED_REQUEST,
            status=415,
        )


@lru_cache(maxsize=128)
def content_type(given: str | None) -> tuple[str, frozenset[str]]:
    """Return the media type in a header and every charset that it names.

    Several headers have an empty type.
    """
    if not given or len(given) > MAX_CHARACTERS or len(parse_http_list(given)) > 1:
        return "", frozenset()
    media_type, parameters = parse_media_type(given)
    return media_type, frozenset(value for name, value in parameters if name == "charset")


def parse_media_type(text: str) -> tuple[str, list[tuple[str, str]]]:
    """Return a media type or range and its parameters, in lower case and without quotes.

    Input with too many parameters has an empty type.
    """
    media_type, _, parameters = text.lower().partition(";")
    if not parameters:
        return media_type.strip(), []
    if parameters.count(";") >= MAX_PARAMETERS:
        return "", []
    message = Message()
    message["Content-Type"] = f"x;{parameters}"
    return media_type.strip(), message.get_params([])[1:]


def header(scope: Scope, name: bytes) -> str | None:
    """Return all headers of this name as one (RFC 9110, section 5.3)."""
    fields: dict[bytes, bytes] | None = scope.get(FIELDS)
    if fields is None:
        fields = scope[FIELDS] = {}
        for key, value in scope["headers"]:
            fields[key] = fields[key] + b", " + value if key in fields else value
    found = fields.get(name)
    return None if found is None else found.decode("latin-1")
