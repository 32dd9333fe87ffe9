"""What a client sends and takes, by its `Content-Type` and `Accept`.

The rules are those of GraphQL over HTTP (https://graphql.github.io/graphql-over-http/draft/) and
RFC 9110, sections 8.3 and 12.5.1.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from starlette.types import Scope

from todo_graphql.errors import BadUserInput
from todo_graphql.server import paths

JSON = "application/json"
GRAPHQL = "application/graphql-response+json; charset=utf-8"

MAX_CHARACTERS = 1_000
"""Of a header that is taken apart. Browsers send 150 at most."""

UTF_8 = frozenset({"utf-8", "utf8"})

TOKEN = r"[!#$%&'*+.^_`|~0-9a-z-]+"  # noqa: S105 - a word of HTTP, and no secret
QUOTED = r'"(?:[^"\\]|\\.)*+"'
PARAMETER = re.compile(rf"[ \t]*;(?:[ \t]*({TOKEN})=({TOKEN}|{QUOTED}))?")
MEDIA_TYPE = re.compile(rf"[ \t]*({TOKEN}/{TOKEN})((?:{PARAMETER.pattern})*)[ \t]*")
MEDIA_RANGE = re.compile(rf"{MEDIA_TYPE.pattern}(?:,|$)")
# A quotation that does not end goes on to the end, so that nothing is looked at twice.
ANYTHING_ELSE = re.compile(r'(?:"(?:[^"\\]|\\.?)*+"?|[^",])*+,?')
QUALITY = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")


def response_type(scope: Scope) -> str:
    """The media type to answer this request to /graphql with.

    Raises BadUserInput with status 406 when the client takes neither of ours.
    """
    accepted = header(scope, b"accept")
    chosen = JSON if accepted is None else preferred(accepted)
    if chosen is None:
        raise BadUserInput(
            "Answers are `application/graphql-response+json` or `application/json`, in UTF-8; "
            "`Accept` takes neither.",
            status=406,
        )
    return chosen


def error_type(scope: Scope) -> str:
    """The media type of an answer that is nothing but an error, which everybody gets."""
    if scope["path"] != paths.GRAPHQL:
        return JSON
    return preferred(header(scope, b"accept") or "*/*") or JSON


def preferred(accepted: str) -> str | None:
    """What an Accept header likes best of the two; None when it takes neither.

    Who does not ask for the newer type gets the older one, as ever: by `*/*`, as browsers' fetch
    and curl send it, and by no header at all, where the specification leaves the choice to us.
    Who names the newer one, and likes the older one no better, gets the newer one, in whatever
    order they come.
    """
    if accepted in ("*/*", JSON):
        return JSON
    return _preferred(accepted) if len(accepted) <= MAX_CHARACTERS else None


@lru_cache(maxsize=128)
def _preferred(accepted: str) -> str | None:
    ranges = list(media_ranges(accepted.lower()))
    if not ranges:  # an empty header says nothing
        return None if accepted.strip(" \t,") else JSON
    named, newer = quality(GRAPHQL.partition(";")[0], ranges)
    _, older = quality(JSON, ranges)
    if newer > older or (newer == older > 0 and named):
        return GRAPHQL
    return JSON if older > 0 else None


def media_ranges(accepted: str) -> Iterator[tuple[str, float]]:
    """Each media range with its quality, but those that are none, and those of other charsets."""
    position = 0
    while position < len(accepted):
        found = MEDIA_RANGE.match(accepted, position)
        end = found or ANYTHING_ELSE.match(accepted, position)
        assert end is not None, "It matches anything."
        position = end.end()
        if found is None:
            continue
        parameters = dict(parameters_of(found[2]))
        weight = parameters.get("q", "1")
        if parameters.get("charset", "utf-8") in UTF_8 and QUALITY.fullmatch(weight):
            yield found[1], float(weight)


def quality(media_type: str, ranges: list[tuple[str, float]]) -> tuple[bool, float]:
    """Whether the type is named, and how much it is wanted: what is more specific counts."""
    for wanted in (media_type, "application/*", "*/*"):
        weights = [weight for name, weight in ranges if name == wanted]
        if weights:
            return wanted == media_type, max(weights)
    return False, 0.0


def require_json(scope: Scope) -> None:
    """Raises BadUserInput with status 415, unless the body is JSON in UTF-8 by its one header."""
    given = header(scope, b"content-type")
    if given == JSON:
        return
    media_type, charsets = content_type(given)
    if media_type != JSON or not charsets <= UTF_8:
        raise BadUserInput("Send the request as `Content-Type: application/json`.", status=415)


def content_type(given: str | None) -> tuple[str, frozenset[str]]:
    """The media type in a header, and every charset that it names. Several headers name none."""
    found = MEDIA_TYPE.fullmatch((given or "").lower()[: MAX_CHARACTERS + 1])
    if found is None or found.end() > MAX_CHARACTERS:
        return "", frozenset()
    charsets = [value for name, value in parameters_of(found[2]) if name == "charset"]
    return found[1], frozenset(charsets)


def parameters_of(text: str) -> Iterator[tuple[str, str]]:
    """Names and values, out of their quotation marks. The text is in lower case."""
    for name, value in PARAMETER.findall(text):
        if name:
            yield name, value.strip('"')


def header(scope: Scope, name: bytes) -> str | None:
    """All headers of this name as one (RFC 9110, section 5.3)."""
    values = [value for key, value in scope["headers"] if key == name]
    return b", ".join(values).decode("latin-1") if values else None
