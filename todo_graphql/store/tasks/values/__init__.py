"""Values of tasks that clients edit: those before a change, and new ones for each task."""
