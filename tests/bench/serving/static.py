"""Libraries that decode a fixed batch, without a server: genai or transformers MODEL_DIR, lines of JSON in and out.

In: {"prompts": [[token, ...], ...], "tokens": n}, all prompts equally long. Out: seconds to the first token and to the
last. Nobody joins a batch that runs, and nothing is sent over HTTP: both flatter them.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Times = tuple[float, float]
THREADS = 2


def genai(model_dir: str) -> Callable[[list[list[int]], int], Times]:
    import numpy as np
    import onnxruntime_genai as og

    config = og.Config(model_dir)
    threads = {"model": {"decoder": {"session_options": {"intra_op_num_threads": THREADS}}}}
    config.overlay(json.dumps(threads))
    model = og.Model(config)

    def run(prompts: list[list[int]], tokens: int) -> Times:
        total, params = len(prompts[0]) + tokens, og.GeneratorParams(model)
        params.set_search_options(do_sample=False, min_length=total, max_length=total, batch_size=len(prompts))
        generator, start = og.Generator(model, params), time.monotonic()
        generator.append_tokens(np.array(prompts, np.int32))
        generator.generate_next_token()
        first = time.monotonic() - start
        while not generator.is_done():
            generator.generate_next_token()
        return first, time.monotonic() - start

    return run


def transformers(model_dir: str) -> Callable[[list[list[int]], int], Times]:
    import torch
    from transformers import AutoModelForCausalLM, StoppingCriteria

    torch.set_num_threads(THREADS)
    model: Any = AutoModelForCausalLM.from_pretrained(Path(model_dir), dtype=torch.bfloat16).eval()

    class Watch(StoppingCriteria):
        first: float | None = None

        def __call__(self, ids: Any, scores: Any, **_: Any) -> Any:
            self.first = self.first or time.monotonic()
            return torch.zeros(len(ids), dtype=torch.bool)

    def run(prompts: list[list[int]], tokens: int) -> Times:
        watch, start, ids = Watch(), time.monotonic(), torch.tensor(prompts)
        with torch.no_grad():
            model.generate(
                ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=tokens, min_new_tokens=tokens,
                stopping_criteria=[watch], pad_token_id=0,
            )  # fmt: skip
        assert watch.first is not None
        return watch.first - start, time.monotonic() - start

    return run


if __name__ == "__main__":
    work = {"genai": genai, "transformers": transformers}[sys.argv[1]](sys.argv[2])
    print("ready", flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(work(asked["prompts"], asked["tokens"])), flush=True)
