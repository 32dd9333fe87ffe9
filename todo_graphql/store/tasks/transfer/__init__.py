"""Export and import of all tasks of a viewer."""
