"""Findings of `doctor` about database endpoints: poolers, other databases, encryption."""

from collections.abc import Iterator

import pytest
from pydantic import SecretStr
from sqlalchemy import make_url

from tests.support.pooler import pooled
from tests.support.servers import migrated_database, scratch_database, settings_for
from todo_graphql.doctor.database import examine_database
from todo_graphql.doctor.endpoints import Endpoint, Path, examine_encryption, is_remote
from todo_graphql.doctor.findings import ADVICE, FATAL, GOOD, Finding


@pytest.fixture(scope="module")
def direct(postgresql: SecretStr) -> Iterator[SecretStr]:
    """Yield the direct endpoint of a migrated database."""
    with migrated_database(postgresql) as url:
        yield url


def found(url: SecretStr, unpooled: SecretStr | None = None) -> list[Finding]:
    """Return the findings about both endpoints, and all fatal findings."""
    given = {} if unpooled is None else {"database_url_unpooled": unpooled}
    return [
        finding
        for finding in examine_database(settings_for(url, **given))
        if "endpoint" in finding.sentence or "_UNPOOLED" in finding.sentence or finding.is_fatal
    ]


def path_to(url: SecretStr) -> Path | None:
    """Return the path that the examination of the endpoint finds."""
    endpoint = Endpoint("DATABASE_URL", url, settings_for(url))
    assert {finding.mark for finding in endpoint.examine()} == {GOOD}
    return endpoint.path


def test_direct_endpoint_is_recognized(direct: SecretStr) -> None:
    assert path_to(direct) is Path.DIRECT
    (finding,) = found(direct)
    assert finding.sentence.startswith("DATABASE_URL names a direct endpoint: ")


@pytest.mark.parametrize("sessions", [1, 2, 5])
def test_transaction_pooler_is_recognized(direct: SecretStr, sessions: int) -> None:
    with pooled(direct, sessions) as url:
        assert path_to(url) is Path.POOLED


def test_session_pooler_is_recognized_as_a_proxy(direct: SecretStr) -> None:
    """Migrations work there, because each connection has a session of its own."""
    with pooled(direct, 2, by_transaction=False) as url:
        assert path_to(url) is Path.PROXIED


def test_pooler_for_the_server_is_good(direct: SecretStr) -> None:
    with pooled(direct) as url:
        marks = {one.sentence.split(" names ")[0]: one.mark for one in found(url, direct)}
        sentences = [one.sentence for one in found(url, direct)]
    assert set(marks.values()) == {GOOD}
    assert sentences[0].startswith("DATABASE_URL names a pooled endpoint, where connections share ")
    assert sentences[1].startswith("DATABASE_URL_UNPOOLED names a direct endpoint: ")


def test_pooler_for_migrations_is_advised_against(direct: SecretStr) -> None:
    with pooled(direct) as url:
        *_, alone = found(url)
        *_, both = found(direct, url)
    assert (alone.mark, both.mark) == (ADVICE, ADVICE)
    assert alone.sentence.startswith("DATABASE_URL_UNPOOLED is not set: migrations would run ")
    assert both.sentence.startswith("DATABASE_URL_UNPOOLED names a pooled endpoint: migrations ")


def test_unpooled_url_of_another_database_is_fatal(
    postgresql: SecretStr, direct: SecretStr
) -> None:
    with scratch_database(postgresql) as other, pooled(direct) as url:
        for own in (direct, url):
            *_, finding = found(own, other)
            assert finding.mark == FATAL
            assert finding.sentence.startswith("DATABASE_URL_UNPOOLED names another database ")


def test_same_database_with_another_url_is_good(direct: SecretStr) -> None:
    renamed = SecretStr(
        make_url(direct.get_secret_value())
        .update_query_dict({"application_name": "todo"})
        .render_as_string(hide_password=False)
    )
    assert {finding.mark for finding in found(direct, renamed)} == {GOOD}


@pytest.mark.parametrize(
    ("host", "remote"),
    [
        (None, False),
        ("", False),
        ("/run/postgresql", False),
        ("localhost", False),
        ("127.0.0.1", False),
        ("::1", False),
        ("10.0.0.5", False),
        ("postgres", False),
        ("db.internal", False),
        ("8.8.8.8", True),
        ("ep-calm-sea.region.aws.neon.tech", True),
    ],
)
def test_remote_host_without_encryption_is_advised_against(host: str | None, remote: bool) -> None:
    assert is_remote(host) == remote
    url = make_url("postgresql://me:swordfish@/todo").set(host=host)
    sentences = [one.sentence for one in examine_encryption("DATABASE_URL", url)]
    assert len(sentences) == remote
    assert "swordfish" not in "".join(sentences)


@pytest.mark.parametrize(
    ("mode", "advised"),
    [("disable", 1), ("allow", 1), ("prefer", 1), ("require", 0), ("verify-full", 0)],
)
def test_sslmode_without_required_encryption_is_advised_against(mode: str, advised: int) -> None:
    url = make_url(f"postgresql://db.example/todo?sslmode={mode}")
    findings = list(examine_encryption("DATABASE_URL", url))
    assert [finding.mark for finding in findings] == [ADVICE] * advised
