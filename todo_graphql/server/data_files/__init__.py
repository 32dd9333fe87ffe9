"""Tasks as files: what they look like, and how they are read again."""
