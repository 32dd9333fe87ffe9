"""The target `tutorial`: Strawberry, FastAPI and SQLModel as tutorials combine them.

It has a session for each request, ORM objects converted to GraphQL types, python-jose in a
dependency, sync resolvers, and Strawberry's caches of parsed and validated documents. It connects
as the owner of the tables, which row-level security does not bind: the `user_id` in each statement
is its only isolation.
"""
