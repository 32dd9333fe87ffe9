"""Documents: cache, limits, query cost and validation."""
