"""`serve` without statement scoping, so that row-level security stands alone.

Only the experiments use it. The wheel does not contain it.
"""

from tests.support.isolation import UNSCOPED
from todo_graphql.cli import main
from todo_graphql.store.statements import Statements

if __name__ == "__main__":
    Statements.scope = UNSCOPED
    main()
