"""How it is asked: GraphQL. Knows no FastAPI and no SQL."""
