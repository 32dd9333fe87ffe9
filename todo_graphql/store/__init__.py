"""The data layer: tables, statements and rules, independent of GraphQL, HTTP and JWT."""
