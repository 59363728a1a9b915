"""The C library's allocator, told that large buffers come and go."""

import ctypes

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8
_KEPT_BYTES = 8 * 1024 * 1024
"""Most that stays with the process, free, at the end of its heap."""
_HEAP_BYTES = 1024 * 1024
"""Buffers up to this are taken from the heap, and not from the kernel one by one."""


def keep_freed_memory() -> None:
    """Keep some memory that was freed, for a process that passes parts of files on.

    By default glibc may give the memory of each part back to the kernel and take it anew, depending on how the heap
    happens to lie: then each page is cleared again, which costs several times what moving the bytes does. What is kept
    is one heap for all threads: parts come and go on gRPC's threads as well, and each would keep as much. Another C
    library has no such setting, and nothing is done.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
        mallopt(_M_MMAP_THRESHOLD, _HEAP_BYTES)


def give_back_freed_memory() -> None:
    """Give what is free to the kernel, once: what a start has needed and nobody needs again."""
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if malloc_trim is not None:
        malloc_trim(0)
