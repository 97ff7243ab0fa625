"""Import: seconds, megabytes a second and the largest resident set of reading exports of ChatGPT of two sizes.

Everything but Kafka: JSON to parts, trees to threads, redaction, events. The process has 1 GiB of address space, so
that more is an error. Linux only: it alone tells the peak of a process from that of its parent.

    python tests/bench/bench_import.py [--megabytes 200 2000] [--consent content]
"""

import argparse
import tempfile
from pathlib import Path

from tests.large_export import read_large, write_large


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, nargs="+", default=[200, 2000])
    parser.add_argument("--consent", choices=("content", "signal_only"), default="content")
    options = parser.parse_args()
    for size in options.megabytes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "conversations.json"
            written = write_large(path, size * 1_000_000)
            cost = read_large(path, options.consent)
            assert (cost.conversations, cost.answers) == written
            megabytes = path.stat().st_size / 1e6
        print(
            f"{megabytes:,.0f} MB, {cost.conversations:,} conversations, {cost.answers:,} answers, {options.consent}:"
        )
        print(f"  {cost.seconds:.0f} s, {megabytes / cost.seconds:.1f} MB/s by the clock")
        print(f"  {cost.core_seconds:.0f} s, {megabytes / cost.core_seconds:.1f} MB/s of the processor")
        print(f"  {cost.peak_mib} MiB at most, {cost.events_bytes / 1e6:,.0f} MB of events")


if __name__ == "__main__":
    main()
