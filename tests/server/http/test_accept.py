"""The preferred media type of an `Accept` header."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from todo_graphql.server.http.content_negotiation import (
    GRAPHQL,
    JSON,
    MAX_CHARACTERS,
    MAX_PARAMETERS,
    preferred,
)

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        # `application/json` is the default.
        ("*/*", JSON),
        ("application/*", JSON),
        ("application/json", JSON),
        ("APPLICATION/JSON; Charset=UTF-8", JSON),
        ('application/json;charset="utf-8"', JSON),
        ("application/json;profile=x", JSON),
        ("application/json, */*;q=0.8", JSON),
        ("application/json, multipart/mixed", JSON),
        (BROWSER, JSON),
        ("", JSON),
        (" , ", JSON),
        # The newer type is chosen if it is named with at least the same quality.
        ("application/graphql-response+json", GRAPHQL),
        ("Application/GraphQL-Response+JSON", GRAPHQL),
        ("application/graphql-response+json;charset=utf-8, application/json", GRAPHQL),
        ("application/json, application/graphql-response+json", GRAPHQL),
        ("application/graphql-response+json,application/json;q=0.9", GRAPHQL),
        ("multipart/mixed;deferSpec=x, application/graphql-response+json, */*", GRAPHQL),
        ("application/graphql-response+json;q=0.001, text/html", GRAPHQL),
        ("*/*, application/json;q=0.5", GRAPHQL),
        ("*/*, application/json;q=0", GRAPHQL),
        # The quality of the most specific range counts.
        ("application/graphql-response+json;q=0.8, application/json;q=0.9", JSON),
        ("application/graphql-response+json;q=0.8, application/*", JSON),
        ("application/graphql-response+json; q=0 , */*", JSON),
        ("application/graphql-response+json;q=0, application/json;q=0.0, */*", None),
        ("application/*;q=0, */*", None),
        # A comma in quotes is not a separator.
        ('text/plain;x="a,application/json"', None),
        ('text/plain;x="a\\",application/json,b"', None),
        ('text/plain;x="a,b", application/json', JSON),
        # Invalid and other media ranges are skipped.
        ("nonsense, application/json", JSON),
        ("application/json;q=2, application/graphql-response+json;q=x", None),
        ("*, application/json", JSON),
        ("text/html", None),
        ("application/xml, text/*", None),
        ("application/jsonp", None),
        ("application/json;charset=utf-16", None),
        ("*/json", None),
        ("application/json;q=0", None),
        ("application/json," * MAX_CHARACTERS, None),
        ("application/json" + ";" * (MAX_PARAMETERS + 1), None),
        ("application/json;q*=utf-8''1", None),
        ("application/json;q=nan", None),
    ],
)
def test_preferred_media_type_is_chosen(accepted: str, chosen: str | None) -> None:
    assert preferred(accepted) == chosen


PIECES = st.sampled_from([" ", ";", ",", '"', "\\", "=", "q=0.5", "a/a", "*/*", JSON, "é"])


@given(st.lists(PIECES, max_size=100).map("".join))
def test_arbitrary_accept_header_is_parsed(accepted: str) -> None:
    assert preferred(accepted) in (JSON, GRAPHQL, None)
