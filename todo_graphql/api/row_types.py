"""Object types whose values are rows of the store."""

from collections.abc import Sequence
from typing import Any, ClassVar, Self, cast


class RowType:
    """Object type that describes a row without a copy."""

    row: ClassVar[type]

    @classmethod
    def is_type_of(cls, value: object, _info: object) -> bool:
        """Check the class of a value for Strawberry."""
        return isinstance(value, cls.row)

    @classmethod
    def from_row(cls, row: Any) -> Self:
        return cast("Self", row)

    @classmethod
    def from_rows(cls, rows: Sequence[Any]) -> list[Self]:
        return cast("list[Self]", rows)
