"""The samples for nginx and Caddy in docs/operations.md agree with the server and each other."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support import plain_http
from tests.support.api_client import Person
from tests.support.proxies import OPERATIONS, SHOWN_SERVERS, refusing_address, running_caddy, sample
from todo_graphql.errors import ErrorCode
from todo_graphql.server import routes
from todo_graphql.server.auth.tokens import MAX_TOKEN_LENGTH
from todo_graphql.server.data_files.formats import FORMATS
from todo_graphql.server.endpoints.import_body import MAX_IMPORT_BYTES
from todo_graphql.server.http.content_negotiation import GRAPHQL, JSON
from todo_graphql.server.protocol.limits import MAX_TARGET_BYTES
from todo_graphql.settings.settings import Settings

pytestmark = pytest.mark.no_cover

NGINX, CADDYFILE = sample("nginx"), sample("caddyfile")
PUBLIC_PATHS = {routes.GRAPHQL, routes.EXPORT, routes.IMPORT}
MEDIA_TYPES = {JSON, GRAPHQL.partition(";")[0], *(kind.media_type for kind in FORMATS.values())}
TASKS = "{ tasks(first: 100) { nodes { id title } } }"


@pytest.fixture(scope="module")
def proxy(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run Caddy in front of a running and a stopped server."""
    with (
        refusing_address() as stopped,
        running_caddy(
            tmp_path_factory.mktemp("caddy"), [url.removeprefix("http://"), stopped]
        ) as own,
    ):
        yield own


@pytest.fixture
def customer(proxy: str, settings: Settings) -> Person:
    """Return a new user that sends requests to the proxy."""
    return Person(proxy, settings)


def headers_of(person: Person, **given: str) -> dict[str, str]:
    """Return the headers of an operation."""
    own = {"Authorization": f"Bearer {person.token}", "Content-Type": JSON}
    return {**own, **{name.replace("_", "-"): value for name, value in given.items()}}


def error_of(response: httpx.Response) -> dict[str, Any]:
    """Return the extensions of the only error, which repeat the status of the response."""
    assert response.headers["content-type"] == JSON
    (error,) = response.json()["errors"]
    assert error["extensions"]["status"] == response.status_code
    extensions: dict[str, Any] = error["extensions"]
    return extensions


def test_mutations_through_caddy_while_one_server_is_stopped_are_all_executed(
    customer: Person,
) -> None:
    titles = [f"task {number}" for number in range(20)]
    for title in titles:
        customer.create(title)
    assert sorted(customer.titles()) == sorted(titles)


@pytest.mark.parametrize("media_type", [JSON, "application/graphql-response+json"])
@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_responses_of_the_api_are_compressed_by_caddy(
    customer: Person, proxy: str, media_type: str, encoding: str
) -> None:
    customer.create_many(*(f"A title that repeats itself {number}" for number in range(50)))
    given = headers_of(customer, Accept=media_type, Accept_Encoding=encoding)
    with plain_http.stream(
        "POST", f"{proxy}/graphql", json={"query": TASKS}, headers=given, timeout=30
    ) as response:
        size = sum(len(chunk) for chunk in response.iter_raw())
    assert response.headers["content-type"].partition(";")[0] == media_type
    assert response.headers["content-encoding"] == encoding
    assert size < len(customer.post(TASKS).content) / 2


def test_server_error_passes_caddy_unchanged(url: str, proxy: str) -> None:
    direct, through = (
        plain_http.post(f"{base}/graphql", json={"query": TASKS}) for base in (url, proxy)
    )
    assert through.status_code == 401
    assert through.content == direct.content
    assert through.headers["www-authenticate"] == direct.headers["www-authenticate"]


def test_private_path_is_not_found_by_caddy(proxy: str) -> None:
    assert error_of(plain_http.get(f"{proxy}{routes.READY}"))["code"] == "NOT_FOUND"


def test_large_chunked_body_is_rejected_by_caddy(customer: Person, proxy: str) -> None:
    chunks = (b" " * 60_000 for _ in range(20))
    refused = plain_http.post(f"{proxy}/graphql", content=chunks, headers=headers_of(customer))
    assert (refused.status_code, error_of(refused)["code"]) == (413, "BAD_USER_INPUT")


def test_caddy_without_a_running_server_is_unavailable(tmp_path: Path) -> None:
    with (
        refusing_address() as stopped,
        running_caddy(tmp_path, [stopped, stopped], lb_try_duration="100ms") as alone,
    ):
        refused = plain_http.post(f"{alone}/graphql", json={"query": TASKS}, timeout=30)
    assert (refused.status_code, error_of(refused)["code"]) == (503, "UNAVAILABLE")
    assert int(refused.headers["retry-after"]) == error_of(refused)["retryAfter"]


def test_both_samples_send_the_same_errors_with_codes_of_the_api() -> None:
    """Compare `return 404 '…'` of nginx with respond `…` 404 of Caddy."""
    of_nginx = {(body, status) for status, body in re.findall(r"return (\d+) '(.*)';", NGINX)}
    of_caddy = set(re.findall(r"respond `(.*)` (\d+)", CADDYFILE))
    assert of_nginx == of_caddy
    assert {status for _, status in of_nginx} == {"404", "413", "503"}
    for body, status in of_nginx:
        (error,) = json.loads(body)["errors"]
        assert error["extensions"]["code"] in ErrorCode.__members__
        assert error["extensions"]["status"] == int(status)


def test_both_samples_pass_the_public_paths_with_the_servers_limits() -> None:
    assert set(re.findall(r"location = (\S+)", NGINX)) == PUBLIC_PATHS
    (shown,) = re.findall(r"@api path (.*)", CADDYFILE)
    assert set(shown.split()) == PUBLIC_PATHS
    body = Settings.model_fields["max_body_bytes"].default // 1024**2
    file = MAX_IMPORT_BYTES // 1024**2
    assert re.findall(r"client_max_body_size (\w+)", NGINX) == [f"{body}m", f"{file}m"]
    assert re.findall(r"max_size (\w+)", CADDYFILE) == [f"{file}MiB", f"{body}MiB"]
    (kib,) = re.findall(r"large_client_header_buffers 4 (\d+)k;", NGINX)
    assert int(kib) * 1024 > max(MAX_TOKEN_LENGTH, MAX_TARGET_BYTES) + 1_000


def test_streams_are_compressed_by_neither_sample() -> None:
    assert "event-stream" not in NGINX + CADDYFILE


def test_both_samples_compress_the_media_types_of_the_server() -> None:
    (types,) = re.findall(r"gzip_types (.*);", NGINX)
    assert set(types.split()) == MEDIA_TYPES
    assert set(re.findall(r"header Content-Type (\S+)\*", CADDYFILE)) == MEDIA_TYPES


def test_both_samples_name_the_servers_of_the_units() -> None:
    assert re.findall(r"server (127\S+) max_fails=0;", NGINX) == [*SHOWN_SERVERS]
    assert f"reverse_proxy {' '.join(SHOWN_SERVERS)} {{" in CADDYFILE
    ports = [address.partition(":")[2] for address in SHOWN_SERVERS]
    assert f"for port in {' '.join(ports)}; do" in OPERATIONS
    assert " ".join(f"todo-graphql@{port}" for port in ports) in OPERATIONS


def test_pgbouncer_wait_timeout_is_less_than_request_timeout() -> None:
    (seconds,) = re.findall(r"^query_wait_timeout = (\d+)$", OPERATIONS, re.MULTILINE)
    assert int(seconds) < Settings.model_fields["request_timeout"].default
    assert re.findall(r"^pool_mode = (\w+)$", OPERATIONS, re.MULTILINE) == ["transaction"]
