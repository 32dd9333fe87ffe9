"""Clients of subscriptions over HTTP, and replicas that apply their events."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse, IncompleteRead
from typing import Any

from tests.support.api_client import Person
from tests.support.commands import PATIENCE

SSE = "text/event-stream"
MULTIPART = "multipart/mixed;boundary=graphql;subscriptionSpec=1.0"
APOLLO = f"{MULTIPART},application/graphql-response+json,application/json;q=0.9"
SUBSCRIPTION = """
subscription ($since: String, $first: Int! = 200, $userId: ID) {
  taskChanges(since: $since, first: $first, userId: $userId) {
    reset cursor hasMore revision changes { id revision task { id title revision } }
  }
}
"""
DELIMITER = b"\r\n--graphql"
COMPLETED, CUT = "completed", "cut"


class Streaming:
    """The response to an operation of a client that accepts a stream."""

    def __init__(self, response: HTTPResponse) -> None:
        self._response = response
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.is_sse = self.headers.get("content-type", "").startswith(SSE)
        self.end: str | None = None
        if not self.is_sse and self.headers.get("content-type", "").startswith("multipart/"):
            assert response.read(len(DELIMITER)) == DELIMITER

    def body(self) -> Any:
        """Return the body of a response that is no stream."""
        return json.loads(self._response.read())

    def next(self) -> Any:
        """Return the next result, or None at the end of the stream, with `end`."""
        try:
            return self._next_sse() if self.is_sse else self._next_part()
        except (IncompleteRead, ConnectionError):
            self.end = CUT
            return None

    def page(self) -> Any:
        """Return the changes of the next event, which must have no errors."""
        event = self.next()
        assert event is not None, f"The stream has ended: {self.end}."
        assert "errors" not in event, event
        return event["data"]["taskChanges"]

    def await_heartbeat(self) -> None:
        """Read a heartbeat, before which there must be no event."""
        if self.is_sse:
            assert (self._line(), self._line()) == (b":\n", b"\n")
        else:
            assert self._part() == {}

    def await_end(self) -> str:
        """Read until the stream ends, and return how."""
        while self.next() is not None:
            pass
        assert self.end is not None
        return self.end

    def _line(self) -> bytes:
        line = self._response.readline()
        if not line:
            raise IncompleteRead(b"")
        return line

    def _next_sse(self) -> Any:
        deadline = time.monotonic() + PATIENCE
        while True:
            line = self._line()
            if line == b":\n":
                assert time.monotonic() < deadline, "There are only heartbeats."
                assert self._line() == b"\n"
                continue
            data = self._line()
            assert self._line() == b"\n"
            if line == b"event: complete\n":
                assert (data, self._response.readline()) == (b"data:\n", b"")
                self.end = COMPLETED
                return None
            assert (line, data[:6]) == (b"event: next\n", b"data: ")
            return json.loads(data[6:])

    def _next_part(self) -> Any:
        deadline = time.monotonic() + PATIENCE
        while (content := self._part()) == {}:
            assert time.monotonic() < deadline, "There are only heartbeats."
        if content is None:
            self.end = COMPLETED
            return None
        assert set(content) == {"payload"}
        return content["payload"]

    def _part(self) -> Any:
        """Return the content of the next part, or None behind the last one."""
        if self._line() == b"--\r\n":
            assert self._response.readline() == b""
            return None
        assert (self._line(), self._line()) == (b"Content-Type: application/json\r\n", b"\r\n")
        content = self._line()
        assert self._response.read(len(DELIMITER) - 2) == DELIMITER[2:]
        return json.loads(content)


@contextmanager
def streaming(
    url: str,
    person: Person,
    document: str = SUBSCRIPTION,
    accept: str = SSE,
    **variables: Any,
) -> Iterator[Streaming]:
    """Send an operation that accepts a stream, and yield the response after its head."""
    connection = HTTPConnection(url.removeprefix("http://"), timeout=PATIENCE)
    headers = {
        "Authorization": f"Bearer {person.token}",
        "Content-Type": "application/json",
        "Accept": accept,
    }
    try:
        content = json.dumps({"query": document, "variables": variables})
        connection.request("POST", "/graphql", content, headers)
        yield Streaming(connection.getresponse())
    finally:
        connection.close()


class LiveReplica:
    """A copy of the tasks of a user, by the events of a stream."""

    def __init__(self) -> None:
        self.titles: dict[str, str] = {}
        self.cursor: str | None = None
        self.revision = 0

    def apply(self, page: Any) -> None:
        if page["reset"]:
            self.titles = {}
        for change in page["changes"]:
            if change["task"] is None:
                self.titles.pop(change["id"], None)
            else:
                self.titles[change["id"]] = change["task"]["title"]
        self.cursor, self.revision = page["cursor"], page["revision"]
