"""Live streams under load and under faults."""
