"""How a contestant talks to the benchmark: ready, go, and where its table lies.

A contestant gets everything ready (imports, clients, a JVM), says so, waits for the word, and works; again for each
word. What it did before the first word is start-up; the clock of the benchmark runs from a word to its report.
"""

import json
import sys
from collections.abc import Callable


def race(drain: Callable[[int], dict[str, object]]) -> None:
    """Drain the topic into a table of its own at every word. `drain` gets the number of the drain."""
    print("ready", flush=True)
    for number, _ in enumerate(sys.stdin):
        print("report " + json.dumps(drain(number)), flush=True)
