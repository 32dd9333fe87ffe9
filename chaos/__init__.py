"""Fault injection: experiments that break something and check what must hold (README.md)."""
