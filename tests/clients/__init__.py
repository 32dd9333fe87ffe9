"""Tests with unmodified JavaScript clients. `python -m tests.clients` runs them."""
