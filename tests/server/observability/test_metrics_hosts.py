"""METRICS_HOST and METRICS_PORT: what they may be, and what is said when they cannot."""

import socket
from pathlib import Path

import httpx
import pytest

from tests.server.observability.test_metrics import free_port
from tests.support.commands import refusal
from tests.support.servers import SECRET, serving
from todo_graphql.doctor.findings import ADVICE, FATAL, GOOD
from todo_graphql.doctor.services import examine_metrics
from todo_graphql.server.sockets import listener_at
from todo_graphql.settings.settings import Settings

SOMEWHERE = "postgresql://127.0.0.1:1/nothing"
FOREIGN = "METRICS_HOST is not usable: it is no address of this machine ("
BAD_HOSTS = ["swordfish.invalid", "203.0.113.1", "a" * 80]


def is_there(host: str) -> bool:
    """Whether this machine has the address: not each has IPv6."""
    try:
        listener_at(host, 0).close()
    except OSError:
        return False
    return True


LOOPBACKS = {"127.0.0.1": "127.0.0.1"} | ({"::1": "[::1]"} if is_there("::1") else {})


def measured(settings: Settings, host: str, port: int) -> Settings:
    return settings.model_copy(update={"metrics_host": host, "metrics_port": port})


@pytest.mark.parametrize("host", BAD_HOSTS)
def test_a_host_that_is_not_ours_is_refused_at_once(host: str, tmp_path: Path) -> None:
    """The second is reserved for documentation, the third too long."""
    given = {"DATABASE_URL": SOMEWHERE, "BETTER_AUTH_SECRET": SECRET, "PORT": "0"}
    given |= {"METRICS_PORT": str(free_port()), "METRICS_HOST": host}
    sentence = refusal("serve", "--workers", "2", folder=tmp_path, **given)
    assert sentence.startswith(FOREIGN)


@pytest.mark.parametrize("host", BAD_HOSTS)
def test_the_doctor_finds_it(settings: Settings, host: str) -> None:
    (sentence,) = [
        finding.sentence
        for finding in examine_metrics(measured(settings, host, free_port()))
        if finding.mark == FATAL
    ]
    assert sentence.startswith(FOREIGN)


def test_there_are_not_enough_ports(tmp_path: Path) -> None:
    given = {"DATABASE_URL": SOMEWHERE, "BETTER_AUTH_SECRET": SECRET, "METRICS_PORT": "65535"}
    sentence = refusal("serve", "--port", "0", "--workers", "2", folder=tmp_path, **given)
    assert sentence == "METRICS_PORT is not usable: each process requires a port, in sequence."


@pytest.mark.parametrize("host", LOOPBACKS)
def test_an_address_of_ours(
    settings: Settings, host: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """One of IPv6 is in brackets wherever a port follows it."""
    port = free_port()
    own = measured(settings, host, port)
    url = f"http://{LOOPBACKS[host]}:{port}/metrics"
    (finding,) = examine_metrics(own)
    assert (finding.mark, finding.sentence) == (GOOD, f"METRICS_PORT {port} is free.")
    with serving(own):
        assert "todo_graphql_requests" in httpx.get(url, timeout=30).text
        (finding,) = examine_metrics(own)
        assert finding.mark == ADVICE
    assert f"Metrics on {url}" in capfd.readouterr().err


def test_a_port_that_somebody_else_has(
    settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    """The server works without: nobody would look for them elsewhere."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with serving(measured(settings, "127.0.0.1", port)) as url:
            assert httpx.get(f"{url}/health/live", timeout=30).status_code == 200
    assert f"No metrics on 127.0.0.1:{port} (Address already in use)." in capfd.readouterr().err
