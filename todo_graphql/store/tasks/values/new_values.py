"""New values of a task, which replace those of some columns."""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from todo_graphql.store.tasks.derived import WEIGHTS
from todo_graphql.store.tasks.edits import replace_due, with_derived
from todo_graphql.store.tasks.values.rows import EDITABLE


@dataclass(frozen=True, slots=True)
class NewValues:
    """New values of some columns of a task, for a task at the expected revision if there is one."""

    id: uuid.UUID
    columns: Mapping[str, Any]
    expected_revision: int | None = None

    def record(self, place: int) -> dict[str, Any]:
        """Return the JSON record that the statement reads."""
        new = replace_due(self.columns)
        return {
            **with_derived(new),
            "place": place,
            "id": str(self.id),
            "expected_revision": self.expected_revision,
            "fields": [name for name in EDITABLE if name in new],
            "kept": [weight for name, weight in WEIGHTS.items() if name not in new],
        }


def values_parameters(new: Sequence[NewValues]) -> dict[str, Any]:
    """Return the parameters of new values."""
    records = [values.record(place) for place, values in enumerate(new)]
    return {"records": json.dumps(records, ensure_ascii=False)}
