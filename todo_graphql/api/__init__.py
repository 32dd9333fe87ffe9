"""The GraphQL API. It is independent of FastAPI and of SQL."""
