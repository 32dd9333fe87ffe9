"""Entry point of `python -m todo_graphql`."""

from todo_graphql.cli import main

if __name__ == "__main__":
    main()
