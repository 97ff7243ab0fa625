"""The machine below: what the pipelines and serving both have to know of it, or to ask of it."""

import ctypes
import sys
from pathlib import Path
from typing import Final

_PROCESSOR: Final = Path("/proc/cpuinfo")


def give_back_memory() -> None:
    """Return to the system what was freed: glibc keeps it where little of it is in use, for each thread of its own.

    Takes some milliseconds. Other C libraries return it by themselves.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)


def session_settings() -> dict[str, str]:
    """What an ONNX Runtime session has to be told on this processor to add up products of 8-bit integers exactly."""
    described = _PROCESSOR.read_text("utf-8") if _PROCESSOR.exists() else ""
    return {} if sums_fit(described) else {"session.x64quantprecision": "1"}  # other kernels, half as fast


def sums_fit(processor: str) -> bool:
    """Whether the fast kernels for products of 8-bit integers add them up exactly; processor: as Linux describes it.

    On x86 without VNNI they add pairs in 16 bits, which such products can exceed.
    """
    flags = {flag for line in processor.splitlines() if line.startswith("flags") for flag in line.split()}
    return "avx2" not in flags or bool(flags & {"avx512_vnni", "avx_vnni"})
