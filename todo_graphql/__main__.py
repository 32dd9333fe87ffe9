"""`python -m todo_graphql`: the same as `todo-graphql`."""

from todo_graphql.cli import main

if __name__ == "__main__":
    main()
