"""`serve` with wall 1 removed: the statements do not say whose rows they mean.

It is no part of the product: only this command does it, and the wheel does not have it.
"""

from tests.support.isolation import UNSCOPED
from todo_graphql.cli import main
from todo_graphql.store.statements import Statements

if __name__ == "__main__":
    Statements.scope = UNSCOPED
    main()
