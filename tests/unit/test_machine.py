"""What is asked of the machine is done, and what it can do is known."""

import platform
import threading

import psutil
import pytest

from schemas.machine import give_back_memory, sums_fit


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries give it back by themselves")
def test_what_threads_freed_goes_back_though_little_of_it_is_in_use():
    last = []

    def work() -> None:
        records = [bytes(1000) for _ in range(100_000)]
        last.append(records[-1])  # allocated behind all others: without help, glibc keeps what lies before it

    for _ in range(2):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    before = psutil.Process().memory_info().rss
    give_back_memory()
    assert before - psutil.Process().memory_info().rss > 50_000_000


@pytest.mark.parametrize(
    ("flags", "fit"),
    [
        ("fpu sse2 avx avx2 fma", False),
        ("fpu avx2 avx512f avx512_vnni", True),
        ("fpu avx2 avx_vnni", True),
        ("", True),  # no x86
    ],
)
def test_processors_that_add_exactly(flags: str, fit: bool) -> None:
    assert sums_fit(f"processor : 0\nflags\t\t: {flags}\n") is fit
