"""METRICS_HOST and METRICS_PORT: accepted values, and errors for others."""

import socket
import tempfile
from pathlib import Path

import pytest

from tests.server.observability.test_metrics import free_port
from tests.support import plain_http
from tests.support.commands import refusal
from tests.support.servers import SECRET, serving
from todo_graphql.doctor.findings import ADVICE, FATAL, GOOD
from todo_graphql.doctor.services import examine_metrics
from todo_graphql.server.observability.shared_metrics import sharing_metrics
from todo_graphql.server.sockets import listener_at
from todo_graphql.settings.settings import ConfigurationError, Settings

pytestmark = pytest.mark.no_cover

SOMEWHERE = "postgresql://127.0.0.1:1/nothing"
FOREIGN = "METRICS_HOST is not usable: it is no address of this machine ("
BAD_HOSTS = ["swordfish.invalid", "203.0.113.1", "a" * 80]


def is_available(host: str) -> bool:
    """Return whether this machine has the address: some have no IPv6."""
    try:
        listener_at(host, 0).close()
    except OSError:
        return False
    return True


LOOPBACKS = {"127.0.0.1": "127.0.0.1"} | ({"::1": "[::1]"} if is_available("::1") else {})


def measured(settings: Settings, host: str, port: int) -> Settings:
    return settings.model_copy(update={"metrics_host": host, "metrics_port": port})


@pytest.mark.parametrize("host", BAD_HOSTS)
def test_foreign_metrics_host_is_rejected_at_startup(host: str, tmp_path: Path) -> None:
    """The second host is reserved for documentation, the third one is too long."""
    given = {"DATABASE_URL": SOMEWHERE, "BETTER_AUTH_SECRET": SECRET, "PORT": "0"}
    given |= {"METRICS_PORT": str(free_port()), "METRICS_HOST": host}
    sentence = refusal("serve", "--workers", "2", folder=tmp_path, **given)
    assert sentence.startswith(FOREIGN)


@pytest.mark.parametrize("host", BAD_HOSTS)
def test_doctor_reports_foreign_metrics_host(settings: Settings, host: str) -> None:
    (sentence,) = [
        finding.sentence
        for finding in examine_metrics(measured(settings, host, free_port()))
        if finding.mark == FATAL
    ]
    assert sentence.startswith(FOREIGN)


@pytest.mark.parametrize("host", LOOPBACKS)
def test_metrics_are_served_on_loopback_address(
    settings: Settings, host: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """An IPv6 address is in brackets before a port."""
    port = free_port()
    own = measured(settings, host, port)
    url = f"http://{LOOPBACKS[host]}:{port}/metrics"
    (finding,) = examine_metrics(own)
    assert (finding.mark, finding.sentence) == (GOOD, f"METRICS_PORT {port} is available.")
    with serving(own):
        assert "todo_graphql_requests" in plain_http.get(url, timeout=30).text
        (finding,) = examine_metrics(own)
        assert finding.mark == ADVICE
    assert f"Metrics on {url}" in capfd.readouterr().err


def test_occupied_metrics_port_is_logged(
    settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    """The server runs without metrics."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with serving(measured(settings, "127.0.0.1", port)) as url:
            assert plain_http.get(f"{url}/health/live", timeout=30).status_code == 200
    assert f"No metrics on 127.0.0.1:{port} (Address already in use)." in capfd.readouterr().err


def test_workers_serve_without_metrics_when_the_port_is_taken(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with sharing_metrics(measured(settings, "127.0.0.1", port)) as shared:
            assert shared is None


def test_workers_need_a_temporary_directory_for_metrics(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nothing"))
    sharing = sharing_metrics(measured(settings, "127.0.0.1", free_port()))
    with pytest.raises(ConfigurationError, match="set TMPDIR"):
        sharing.__enter__()
