"""Memory of this process that the system could have back."""

import ctypes
import sys


def give_back() -> None:
    """Return what ended threads have freed: glibc keeps it for each of them, and the next ones begin elsewhere.

    Takes some milliseconds. Other C libraries return it by themselves.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)
