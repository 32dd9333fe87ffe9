"""How it is served: HTTP."""
