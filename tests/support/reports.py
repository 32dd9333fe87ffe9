"""Reports of benchmarks and experiments: the machine, and rows of a Markdown table."""

import platform
from collections.abc import Sequence

import psutil


def machine() -> str:
    """Describe the machine and its Python."""
    cores, memory = psutil.cpu_count(), psutil.virtual_memory().total / 2**30
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{platform.system()} {platform.machine()}, {cores} cores, {memory:.0f} GiB, {python}"


def row_of(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
