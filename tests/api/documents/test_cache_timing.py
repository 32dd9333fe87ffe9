"""The work of a document that another user has sent, counted in calls: it is that of a new one."""

import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.differential import Home
from tests.support.documents import new_schema
from todo_graphql.settings.environment_variables import ExecutorName
from todo_graphql.store.postgres.engine import Database

pytestmark = pytest.mark.no_cover

# Each document contains a word of one user. The words differ in a digit, so that all have the same
# length and the same distance to the names of the schema.
KNOWN, NEW, WARM_UP = "zzzzz1", "zzzzz2", "zzzzz3"

DOCUMENTS = {
    "a literal": '{{ tasks(filter: {{title: {{contains: "{}"}}}}) {{ nodes {{ id }} }} }}',
    "an alias": "{{ {}: me {{ {}: id }} }}",
    "a comment": "{{ me {{ id }} }} # {}",
    "the name of an operation": "query {} {{ me {{ id }} }}",
    "the name of a variable": "query (${}: Int) {{ tasks(first: ${}) {{ totalCount }} }}",
    "the name of a fragment": "{{ me {{ ...{} }} }} fragment {} on User {{ id }}",
    "a syntax error": "{{ {}: ",
    "an unknown field": "{{ me {{ {} }} }}",
    "a document that is too complex": "{{ tasks(first: 100) {{ nodes {{ user {{ tasks(first: 100) "
    "{{ nodes {{ {}: id }} }} }} }} }} }}",
}

COUNTED = ("/graphql/", "/todo_graphql/api/")


def count_calls(call: Callable[[], object]) -> Counter[str]:
    """Return the calls of functions of graphql-core and of the API, and of C functions by them."""
    calls: Counter[str] = Counter()

    def count(frame: Any, event: str, function: Any) -> None:
        if any(part in frame.f_code.co_filename for part in COUNTED):
            if event == "call":
                calls[frame.f_code.co_qualname] += 1
            elif event == "c_call":
                calls[function.__qualname__] += 1

    sys.setprofile(count)
    try:
        call()
    finally:
        sys.setprofile(None)
    return calls


@pytest.fixture(scope="module")
def homes(database: Database) -> tuple[Home, ...]:
    return Home(database), Home(database)


@pytest.mark.parametrize("executor", ["projection", "reference"])
@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
def test_document_of_another_user_takes_the_work_of_a_new_one(
    homes: tuple[Home, ...], executor: ExecutorName, document: str
) -> None:
    schema = new_schema(executor=executor)
    first, second = homes

    def calls(home: Home, word: str) -> Counter[str]:
        return count_calls(lambda: home.ask(schema, document.replace("{}", word).format()))

    for home, word in ((second, WARM_UP), (first, KNOWN), (first, KNOWN)):
        calls(home, word)
    known, new = calls(second, KNOWN), calls(second, NEW)
    assert known == new
    assert known["parse"] == 1
    repeated = calls(second, KNOWN)
    assert (repeated, repeated["parse"]) == (calls(second, NEW), 0)
