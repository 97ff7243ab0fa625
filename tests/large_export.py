"""An export of ChatGPT of any size, and what reading it costs: for the test of memory and the benchmark.

In: a size. Out: a file of conversations no two of which share an id, of 2 to 200 messages of 20 to 4,000 characters
with the metadata that real ones have; and what a process of its own took to read it, which gets 1 GiB of address space.
"""

import json
import random
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from feedwheel_capture.vocabulary import Consent

from tests.exports import CONVERSATION, chatgpt_conversation, node, tree

LIMIT_BYTES = 1 << 30
_KINDS = 200
_TEXT = "The card has not arrived yet: how long does it take to boil lentils in Köln? 🍲 Thanks, that is right. "
_METADATA = {
    "model_slug": "gpt-4o",
    "default_model_slug": "gpt-4o",
    "finish_details": {"type": "stop", "stop_tokens": [200002]},
    "citations": [],
    "content_references": [],
    "is_complete": True,
    "message_type": "next",
    "parent_id": CONVERSATION,
    "request_id": "080b809b-4f66-4032-9864-0d909953a8ef",
    "timestamp_": "absolute",
}


@dataclass(frozen=True)
class Cost:
    """What one reading took: by the clock, of the processor, and the largest resident set."""

    conversations: int
    answers: int
    events_bytes: int
    seconds: float
    core_seconds: float
    peak_mib: int


def write_large(path: Path, size_bytes: int) -> tuple[int, int]:
    """Write an export of at least a size; its conversations and answers."""
    kinds = [_conversation(random.Random(kind)) for kind in range(_KINDS)]
    conversations = answers = written = 0
    with path.open("wb") as file:
        while written < size_bytes:
            text, count = kinds[conversations % _KINDS]
            named = text.replace(CONVERSATION.encode(), f"{conversations:036d}".encode())
            written += file.write((b"," if conversations else b"[") + named)
            conversations += 1
            answers += count
        file.write(b"]")
    return conversations, answers


def _conversation(draw: random.Random) -> tuple[bytes, int]:
    """JSON of a conversation, whose id is in the id of every message; and its answers."""
    answers = draw.choice((1, 1, 2, 3, 5, 10, 30, 100))
    nodes = []
    for place in range(2 * answers):
        parent = f"{CONVERSATION}-{place - 1}" if place else None
        text = (_TEXT * 40)[: draw.choice((20, 100, 500, 4000))]
        role = "assistant" if place % 2 else "user"
        nodes.append(node(f"{CONVERSATION}-{place}", parent, role, text, place, metadata=_METADATA))
    return json.dumps(chatgpt_conversation(mapping=tree(*nodes))).encode(), answers


def read_large(path: Path, consent: Consent) -> Cost:
    """Read an export in a process of its own. Raises CalledProcessError if that runs out of memory."""
    command = [sys.executable, "-c", _READ, str(path), consent, str(LIMIT_BYTES)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return Cost(**json.loads(done.stdout))


_READ = """
import json, resource, sys, time
from pathlib import Path
path, consent, limit = sys.argv[1:]
resource.setrlimit(resource.RLIMIT_AS, (int(limit), int(limit)))
from tests.exports import target
from feedback.capture.importers.export import Export
from feedback.capture.importers.formats import read
from feedback.capture.importers.scribe import Scribe
scribe, began = Scribe("chatgpt", target(consent=consent)), time.monotonic()
events_bytes = sum(len(record.value) for record in read(Export.of(Path(path)), scribe))
seconds, tally = time.monotonic() - began, scribe.tally
assert not tally.skipped, tally.skipped
# Not ru_maxrss, which begins with what the parent had.
peak = next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(json.dumps({"conversations": tally.conversations, "answers": tally.answers, "events_bytes": events_bytes,
                  "seconds": seconds, "core_seconds": time.process_time(), "peak_mib": int(peak) // 1024}))
"""
