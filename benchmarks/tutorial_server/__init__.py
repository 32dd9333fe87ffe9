"""The contestant `stock`: Strawberry, FastAPI and SQLModel as tutorials put them together.

A session for each request, ORM objects converted to GraphQL types, python-jose in a
dependency, sync resolvers; with Strawberry's caches of parsed and validated documents. It
connects as the owner of the tables, so row-level security does not bind it: the `user_id`
in each statement is its only wall.
"""
