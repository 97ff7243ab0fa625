"""Quality of artefacts as they are served: perplexity of conversations that no model here was trained on.

Chunks of 256 tokens, whose second half counts: first halves as prompts, then a token of every chunk in each step, as
people are answered. llama.cpp does the same with GGUF files, by a tool of its own, on the same text.

    python tests/bench/bench_quality.py --data DIR --models DIR [DIR ...] [--llama-perplexity FILE --gguf FILE ...]
"""

import argparse
import json
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from serving.engine.adapters import NO_ADAPTER
from serving.engine.artifact import read_artifact
from serving.engine.session import Decoder

CHUNK, COUNTED, CHUNKS = 256, 128, 32


def conversations(data: Path) -> tuple[list[str], list[str]]:
    """Threads of OpenAssistant, and dialogues of Topical-Chat."""
    trees = (json.loads(line) for line in (data / "oasst_sample" / "en_100_tree.jsonl").open(encoding="utf-8"))
    threads = ["\n\n".join(thread) for tree in trees for thread in _threads(tree["prompt"], [])]
    dialogues = json.loads((data / "topical_chat" / "valid_freq.json").read_text("utf-8")).values()
    return threads[::7], ["\n".join(said["message"] for said in one["content"]) for one in dialogues]


def _threads(message: dict[str, Any], before: list[str]) -> Iterator[list[str]]:
    """From the first message to every last one."""
    thread = [*before, message["text"]]
    replies = message.get("replies") or []
    for reply in replies:
        yield from _threads(reply, thread)
    if not replies:
        yield thread


def text_of(tokenizer: Tokenizer, data: Path) -> str:
    """Half of it from either source, some tokens more than are counted."""
    each = CHUNK * CHUNKS // 2 + 4
    halves = (tokenizer.encode("\n\n".join(texts)).ids[:each] for texts in conversations(data))
    return "\n\n".join(tokenizer.decode(half) for half in halves)


def losses(model: Path, chunks: NDArray[np.int64]) -> NDArray[np.float64]:
    """Of every counted token, in nats: [chunks * tokens]."""
    decoder = Decoder(read_artifact(model), wish="cpu", threads=2, rows=len(chunks), context_tokens=CHUNK, exact=False)
    for row, chunk in enumerate(chunks):
        decoder.prefill(row, chunk[: CHUNK - COUNTED - 1], 0, NO_ADAPTER)
    found, slots = list[NDArray[np.float64]](), np.full(len(chunks), NO_ADAPTER)
    for place in range(CHUNK - COUNTED - 1, CHUNK - 1):
        logits = decoder.decode(chunks[:, place], np.full(len(chunks), place + 1), slots).astype(np.float64)
        logits -= logits.max(axis=-1, keepdims=True)
        wanted = np.take_along_axis(logits, chunks[:, place + 1, None], axis=-1)[:, 0]
        found.append(np.log(np.exp(logits).sum(axis=-1)) - wanted)
    return np.concatenate(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="with oasst_sample and topical_chat")
    parser.add_argument("--models", type=Path, nargs="+", required=True)
    parser.add_argument("--llama-perplexity", type=Path)
    parser.add_argument("--gguf", type=Path, nargs="*", default=[])
    given = parser.parse_args()
    tokenizer = Tokenizer.from_file(str(given.models[0] / "tokenizer.json"))
    text = text_of(tokenizer, given.data)
    ids = np.array(tokenizer.encode(text).ids[: CHUNK * CHUNKS], np.int64).reshape(CHUNKS, CHUNK)
    for model in given.models:
        each = losses(model, ids)
        perplexity = float(np.exp(each.mean()))
        error = perplexity * float(each.std()) / len(each) ** 0.5
        print(f"{model.name:12} {perplexity:.2f} (standard error {error:.2f}, {len(each)} tokens)", flush=True)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".txt") as file:
        file.write(text)
        file.flush()
        for gguf in given.gguf:
            command = [given.llama_perplexity, "-m", gguf, "-f", file.name, "-c", CHUNK, "-b", CHUNK, "-t", 2]
            said = subprocess.run(
                [*map(str, command), "--chunks", str(CHUNKS)], capture_output=True, text=True, check=True
            )
            found = re.findall(r"PPL = ([\d.]+)", said.stdout + said.stderr)
            print(f"{gguf.name:12} {float(found[-1]):.2f}", flush=True)


if __name__ == "__main__":
    main()
