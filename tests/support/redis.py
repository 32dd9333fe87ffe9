"""Redis for tests: the real server where it is installed, and a stand-in everywhere."""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pydantic import SecretStr
from redis import RedisError, from_url

from tests.support.ports import free_port

PASSWORD = "swordfish"
START_TIMEOUT = 20

# The stand-in is a process, so that it can be killed, and needs no password. fakeredis closes the
# connection after each error response, such as NOSCRIPT; this subclass keeps it open.
STAND_IN = """
import sys
from fakeredis import TcpFakeServer

server = TcpFakeServer(("127.0.0.1", int(sys.argv[1])), server_type="redis")

class Patient(server.RequestHandlerClass):
    def setup(self):
        super().setup()
        self.read = self.current_client.read_response
        self.current_client.read_response = self.answer

    def answer(self):
        try:
            return self.read()
        except Exception as error:
            return error

server.RequestHandlerClass = Patient
server.serve_forever()
"""
KINDS = ["stand-in", *(["redis-server"] if shutil.which("redis-server") else [])]


class Redis:
    """A local server, which may be killed and started again."""

    def __init__(self, kind: str, folder: Path) -> None:
        self._port = free_port()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._command = [sys.executable, "-c", STAND_IN, str(self._port)]
        self.url = SecretStr(f"redis://127.0.0.1:{self._port}/0")
        if kind == "redis-server":
            options = f"--port {self._port} --bind 127.0.0.1 --requirepass {PASSWORD} --save"
            self._command = ["redis-server", *options.split(), ""]
            self.url = SecretStr(f"redis://:{PASSWORD}@127.0.0.1:{self._port}/0")

    def start(self) -> None:
        """Start the server, and wait until it runs scripts."""
        self._process = subprocess.Popen(
            self._command,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline and self._process.poll() is None:
            with suppress(RedisError), from_url(self.url.get_secret_value()) as client:
                client.eval("return 1", 0)  # the stand-in loads Lua slowly
                return
            time.sleep(0.02)
        raise AssertionError("Redis did not start.")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@contextmanager
def redis(kind: str, folder: Path) -> Iterator[Redis]:
    """Run a server of this kind until the end of the block."""
    server = Redis(kind, folder)
    try:
        server.start()
        yield server
    finally:
        server.kill()
