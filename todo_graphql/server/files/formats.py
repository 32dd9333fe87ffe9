"""The formats of files with tasks."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from todo_graphql.server.files import csv_files, json_files
from todo_graphql.server.files.records import Record
from todo_graphql.store.rows import TaskRow


@dataclass(frozen=True, slots=True)
class Format:
    """How tasks are written down, and read again."""

    media_type: str
    write: Callable[[Iterable[Sequence[TaskRow]]], Iterator[bytes]]
    read: Callable[[str], Iterator[tuple[int, Record]]]


FORMATS = {
    "json": Format("application/json", json_files.write, json_files.read),
    "csv": Format("text/csv", csv_files.write, csv_files.read),
}
