"""How fast the server is, beside others that do the same work. README.md says how to read it."""
