"""Memory goes back to the system."""

import platform
import threading

import psutil
import pytest

from pipelines.io.memory import give_back


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
    give_back()
    assert before - psutil.Process().memory_info().rss > 50_000_000
