"""How operations are executed: planned once, answered in columns, by graphql-core where anything
is not plain.

operations  what is planned for an operation, and how graphql-core takes over: to be read first
projection  a selection, compiled to steps
columns     the steps: from what resolvers answer to what JSON can write
calls       a resolver's call, compiled
coercion    what it is called with, compiled from literals and variables

`EXECUTOR=reference` passes all of it by.
"""
