"""Benchmarks of the server beside other servers on the same data (README.md)."""
