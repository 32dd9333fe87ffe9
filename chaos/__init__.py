"""Faults, as experiments: what holds when something breaks. README.md says which."""
