"""A GraphQL API server for to-do products: strict per-user isolation on PostgreSQL."""
