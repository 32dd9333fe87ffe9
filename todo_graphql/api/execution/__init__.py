"""Execution of operations by compiled projections, with graphql-core as the fallback.

The reasons are in docs/decisions/0003-compiled-execution-in-columns.md.

executor        plans of an operation, and the fallback: the module to read first
compiler        compilation of selections to steps
columns         steps from the values of resolvers to JSON values
resolver_calls  compiled calls of resolvers
bounded_executor graphql-core's executor with a bound on the response
response_size   the size of a response while it is built
operations      conditions and copies of operations
coercion        compiled coercion of literals and variables
error_formatting errors as clients see them
conflict_tasks  tasks in the errors of conflicts
variable_problems the problems of variables that the coercion rejects

`EXECUTOR=reference` bypasses this package.
"""
