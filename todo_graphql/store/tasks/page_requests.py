"""Requests for pages of a list, with the arguments of GraphQL Cursor Connections."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Self, TypeAlias

from sqlalchemy import REAL, ColumnElement, bindparam, cast, false, or_

from todo_graphql.errors import BadUserInput, InputReason
from todo_graphql.store.problem_collector import ProblemCollector
from todo_graphql.store.tasks import ordering
from todo_graphql.store.tasks.cursors import Listing, Place
from todo_graphql.store.tasks.filters import FilterShape
from todo_graphql.store.tasks.ordering import OrderField, OrderKey, Terms

DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 100

PlaceShape: TypeAlias = tuple[str | None, ...]
"""The parameter names of a place; None for a null."""


class PageShape(NamedTuple):
    """Page request without its values, on which the text of a statement depends."""

    filter: FilterShape
    keys: tuple[OrderKey, ...]
    size: int
    backward: bool
    after: PlaceShape | None
    before: PlaceShape | None

    @property
    def plan_depends_on_values(self) -> bool:
        return self.filter.plan_depends_on_values

    @property
    def terms(self) -> Terms:
        """Order in which rows are read: from the end of the list when backward."""
        terms = ordering.build_terms(self.keys)
        return ordering.reverse_terms(terms) if self.backward else terms

    @property
    def has_cursors(self) -> bool:
        return self.after is not None or self.before is not None

    @property
    def _origin(self) -> Place | None:
        """Place from which the page is counted."""
        return self._place(self.before if self.backward else self.after)

    @property
    def _bound(self) -> Place | None:
        """Place that the page must not reach."""
        return self._place(self.after if self.backward else self.before)

    def _place(self, place: PlaceShape | None) -> Place | None:
        if place is None:
            return None
        # ts_rank returns a real, which differs from the same number as a double.
        fields = [*(key.field for key in self.keys), None]
        values: list[Any] = [None if name is None else bindparam(name) for name in place]
        return [
            cast(value, REAL) if field is OrderField.RELEVANCE else value
            for field, value in zip(fields, values, strict=True)
        ]

    def ranges(self) -> list[ColumnElement[bool]]:
        """Return the ranges of the page's rows, nearest first."""
        if self._origin is None:
            return ordering.full_range(self.terms)
        return ordering.beyond(self.terms, self._origin)

    def predicates(self) -> list[ColumnElement[bool]]:
        """Return the predicates of the filter and of the bound."""
        predicates = self.filter.predicates()
        if self._bound is not None:
            reached = ordering.beyond(ordering.reverse_terms(self.terms), self._bound)
            predicates.append(or_(false(), *reached))
        return predicates

    def behind(self) -> tuple[Terms, Place | None]:
        """Return the order and the place of the rows behind the page."""
        return ordering.reverse_terms(self.terms), self._origin

    def ahead(self) -> tuple[Terms, Place | None]:
        """Return the order and the place of the rows beyond the bound."""
        return self.terms, self._bound


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Request for up to `size` rows of a list between two places."""

    listing: Listing = field(default_factory=Listing)
    size: int = DEFAULT_PAGE_SIZE
    backward: bool = False
    after: Place | None = None
    before: Place | None = None

    @classmethod
    def from_arguments(
        cls,
        listing: Listing,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Self:
        """Parse the arguments of a connection. Raises BadUserInput with the invalid ones."""
        with ProblemCollector() as collect:
            collect(_require_one_end, first, last)
            from_start = collect(_parse_size, first, "first")
            from_end = collect(_parse_size, last, "last")
            return cls(
                listing,
                size=from_start if last is None else from_end,
                backward=last is not None,
                after=None if after is None else collect(listing.place, after, "after"),
                before=None if before is None else collect(listing.place, before, "before"),
            )

    def following(self, place: Sequence[object], task_id: str) -> Self:
        """Return the request for the rows after this one."""
        return replace(self, after=self.listing.parse_place(place, task_id))

    def split(self, prefix: str = "") -> tuple[PageShape, dict[str, Any]]:
        """Return the shape and the values of its parameters. `prefix` is in the names of places."""
        which, values = self.listing.filter.split()
        after = _split_place(f"{prefix}after", self.after, values)
        before = _split_place(f"{prefix}before", self.before, values)
        keys, size, backward = self.listing.keys, self.size, self.backward
        return PageShape(which, keys, size, backward, after, before), values


def _split_place(name: str, place: Place | None, values: dict[str, Any]) -> PlaceShape | None:
    """Add the values of a place to `values`, and return their parameters."""
    if place is None:
        return None
    own = {f"{name}_{number}": value for number, value in enumerate(place)}
    values |= own
    return tuple(None if value is None else parameter for parameter, value in own.items())


def _require_one_end(first: int | None, last: int | None) -> None:
    if first is not None and last is not None:
        raise BadUserInput(
            "Provide either `first` or `last`.", reason=InputReason.NOT_COMBINABLE, field="last"
        )


def _parse_size(value: int | None, field: str) -> int:
    if value is None:
        return DEFAULT_PAGE_SIZE
    if not 1 <= value <= MAX_PAGE_SIZE:
        raise BadUserInput(
            f"`{field}` must be 1 to {MAX_PAGE_SIZE}.",
            reason=InputReason.OUT_OF_RANGE,
            field=field,
            min=1,
            max=MAX_PAGE_SIZE,
        )
    return value
