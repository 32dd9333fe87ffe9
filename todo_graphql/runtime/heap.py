"""Heap of a process under glibc, which by default keeps the memory of large responses for itself.

Decision 0018 has the figures.
"""

import ctypes

# The parameters of mallopt(3). Thresholds that are not set follow the largest freed block.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
THRESHOLD_BYTES = 131_072
ARENAS = 2


def return_freed_memory() -> None:
    """Return freed memory to the system. Other C libraries have no mallopt and no such need."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return
    mallopt(M_ARENA_MAX, ARENAS)
    mallopt(M_MMAP_THRESHOLD, THRESHOLD_BYTES)
    mallopt(M_TRIM_THRESHOLD, THRESHOLD_BYTES)
