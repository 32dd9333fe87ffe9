"""Types whose values are the store's rows, as they are."""

from collections.abc import Sequence
from typing import Any, ClassVar, Self, cast


class RowType:
    """A type that only describes its values."""

    row: ClassVar[type]

    @classmethod
    def is_type_of(cls, value: object, _info: object) -> bool:
        """What Strawberry asks in the place of `isinstance`."""
        return isinstance(value, cls.row)

    @classmethod
    def from_row(cls, row: Any) -> Self:
        """The row, as resolvers are typed."""
        return cast("Self", row)

    @classmethod
    def from_rows(cls, rows: Sequence[Any]) -> list[Self]:
        """The rows, as resolvers are typed."""
        return cast("list[Self]", rows)
