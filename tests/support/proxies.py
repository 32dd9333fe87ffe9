"""Reverse proxies: the samples of docs/operations.md, and Caddy running its sample."""

import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.support import plain_http
from tests.support.commands import PATIENCE, environment, until
from tests.support.paths import ROOT
from tests.support.ports import free_port

OPERATIONS = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
SHOWN_SITE = "api.example.com {"
SHOWN_SERVERS = ("127.0.0.1:8000", "127.0.0.1:8001")
CADDY = Path(sys.executable).with_name("caddy")

# No administration endpoint, and no files outside of the test's folder.
OPTIONS = "{\n\tadmin off\n\tpersist_config off\n}\n"


def sample(language: str) -> str:
    """Return the only sample in this language."""
    (text,) = re.findall(rf"^```{language}\n(.*?)^```$", OPERATIONS, re.MULTILINE | re.DOTALL)
    assert isinstance(text, str)
    return text


@contextmanager
def refusing_address() -> Iterator[str]:
    """Reserve an address that refuses each connection."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{reserved.getsockname()[1]}"


@contextmanager
def running_caddy(folder: Path, servers: Sequence[str], **replaced: str) -> Iterator[str]:
    """Run the sample in front of these servers, without TLS. Yield the base URL.

    `replaced` are other values of directives.
    """
    url = f"http://127.0.0.1:{free_port()}"
    text = sample("caddyfile").replace(SHOWN_SITE, f"{url} {{")
    for shown, own in zip(SHOWN_SERVERS, servers, strict=True):
        assert shown in text
        text = text.replace(shown, own)
    for directive, value in replaced.items():
        text, number = re.subn(rf"\b{directive} \S+", f"{directive} {value}", text)
        assert number == 1
    file = folder / "Caddyfile"
    file.write_text(OPTIONS + text, encoding="utf-8")
    with (folder / "caddy.log").open("wb") as log:
        process = subprocess.Popen(
            [CADDY, "run", "--config", file, "--adapter", "caddyfile"],
            env=environment(HOME=str(folder), XDG_DATA_HOME=str(folder)),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def answers() -> bool:
        assert process.poll() is None, (folder / "caddy.log").read_text(encoding="utf-8")
        try:
            return plain_http.get(url, timeout=PATIENCE).status_code == 404
        except httpx.TransportError:
            return False

    try:
        until(answers, "a response of Caddy")
        yield url
    finally:
        process.terminate()
        process.wait(PATIENCE)
