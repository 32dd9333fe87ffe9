"""The window on the text of a file."""

import json
from collections.abc import Iterator

import pytest

from todo_graphql.errors import BadUserInput
from todo_graphql.server.data_files import csv_format, json_format
from todo_graphql.server.data_files.formats import FORMATS
from todo_graphql.server.data_files.text_window import TextWindow

PIECE = 1_000


class Source:
    """The pieces of a file, of which `read` counts the bytes."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.read = 0

    def __iter__(self) -> Iterator[bytes]:
        for start in range(0, len(self._content), PIECE):
            self.read = start + PIECE
            yield self._content[start : start + PIECE]


def test_window_decodes_divided_characters() -> None:
    content = "\ufeffä\n🧀é\n".encode()
    window = TextWindow(content[start : start + 1] for start in range(len(content)))
    window.fill(2)
    assert "ä\n🧀é\n".startswith(window.text)
    window.advance(2)
    window.fill(100)
    assert (window.text, window.position, window.line) == ("🧀é\n", 0, 2)
    assert window.is_complete


@pytest.mark.parametrize("content", [b"a\n\nb\xff\n", b"a\n\n\xe2\x82"])
def test_invalid_byte_is_reported_with_line(content: bytes) -> None:
    window = TextWindow([content[:2], content[2:4], content[4:]])
    window.fill(1)
    window.advance(1)
    with pytest.raises(BadUserInput, match=r"Line 3: The file is not encoded in UTF-8\."):
        window.fill(100)


@pytest.mark.parametrize(
    ("kind", "content", "limit"),
    [
        ("json", json.dumps([{"title": "x" * 50}] * 20_000), json_format.MAX_TASK_CHARACTERS),
        ("csv", "title\n" + "x\n" * 500_000, csv_format.MAX_ROW_CHARACTERS),
        ("csv", "title\nx\n" + "\n" * 500_000 + "y", csv_format.MAX_ROW_CHARACTERS),
    ],
)
def test_file_is_decoded_on_demand(kind: str, content: str, limit: int) -> None:
    source = Source(content.encode())
    next(FORMATS[kind].read(source))
    assert source.read <= 2 * limit + PIECE
