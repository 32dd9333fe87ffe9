"""Findings of `doctor` about prepared statements."""

from collections.abc import Iterator
from contextlib import nullcontext

import pytest
from pydantic import SecretStr

from tests.support.administrators import administer
from tests.support.pooler import pooled
from tests.support.servers import migrated_database, settings_for
from todo_graphql.doctor.database import examine_database
from todo_graphql.doctor.findings import ADVICE, GOOD

pytestmark = pytest.mark.plain_postgresql


@pytest.fixture(scope="module")
def direct(postgresql: SecretStr) -> Iterator[SecretStr]:
    """Yield the direct endpoint of a migrated database."""
    with migrated_database(postgresql) as url:
        yield url


def found(url: SecretStr, mode: str) -> tuple[str, str]:
    """Return the mark and the beginning of the only finding about prepared statements."""
    settings = settings_for(url, database_prepared_statements=mode)
    (one,) = [one for one in examine_database(settings) if "prepared" in one.sentence.lower()]
    return one.mark, one.sentence


@pytest.mark.parametrize(
    ("path", "mode", "mark", "beginning"),
    [
        ("direct", "auto", GOOD, "Frequent statements are prepared."),
        ("direct", "on", GOOD, "Frequent statements are prepared."),
        ("direct", "off", GOOD, "No statements are prepared: DATABASE_PREPARED_STATEMENTS is off."),
        ("proxied", "auto", ADVICE, "No statements are prepared through a proxy or a pooler. It "),
        ("proxied", "on", GOOD, "Frequent statements are prepared."),
        ("pooled", "auto", GOOD, "No statements are prepared: connections share sessions."),
        ("pooled", "on", ADVICE, "DATABASE_PREPARED_STATEMENTS is on, but connections share ses"),
    ],
)
def test_prepared_statements_need_sessions_of_their_own(
    direct: SecretStr, path: str, mode: str, mark: str, beginning: str
) -> None:
    through = pooled(direct, 2, by_transaction=path == "pooled")
    with nullcontext(direct) if path == "direct" else through as url:
        seen, sentence = found(url, mode)
    assert seen == mark
    assert sentence.startswith(beginning)


def test_prepared_statements_need_the_planner_statistics(postgresql: SecretStr) -> None:
    with migrated_database(postgresql) as url:
        administer(url, "ALTER TABLE tasks ALTER user_id RESET (n_distinct)")
        assert found(url, "auto") == (
            ADVICE,
            "No statements are prepared before `todo-graphql migrate` has run.",
        )
