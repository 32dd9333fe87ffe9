"""The registry of file formats."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from todo_graphql.server.data_files import csv_format, json_format
from todo_graphql.server.data_files.records import Record
from todo_graphql.store.tasks.rows import TaskRow


@dataclass(frozen=True, slots=True)
class Format:
    """A media type with its writer and its reader."""

    media_type: str
    write: Callable[[Iterable[Sequence[TaskRow]]], Iterator[bytes]]
    read: Callable[[Iterable[bytes | bytearray]], Iterator[tuple[int, Record]]]


FORMATS = {
    "json": Format("application/json", json_format.write, json_format.read),
    "csv": Format("text/csv", csv_format.write, csv_format.read),
}
