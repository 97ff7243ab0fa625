"""A base model small enough to train in a test: it routes by one word, which it has learnt here, from nothing.

A word-level vocabulary and two layers. It stands where the real base model would, so the stages load, train, merge,
export and serve it as they do that one.
"""

import random
from pathlib import Path
from typing import Any

from pipelines.simulate.messages import LabelledMessage
from tests.tiny_model import CONTROL, TEMPLATE

TOPICS = ("card", "cash", "fees", "limit", "rate")
FILLERS = ("please", "help", "my", "the", "today", "now", "is", "late", "gone", "wrong", "again", "here")


def routed_messages(count: int, seed: int = 1) -> list[LabelledMessage]:
    """Distinct messages of eight words, one of which is the topic."""
    draw = random.Random(seed)
    found: dict[str, LabelledMessage] = {}
    while len(found) < count:
        topic = draw.choice(TOPICS)
        words = [*draw.choices(FILLERS, k=7), topic]
        draw.shuffle(words)
        found.setdefault(" ".join(words), LabelledMessage(" ".join(words), f"{topic} team", "train"))
    return list(found.values())


def save_router(directory: Path, prompt: str, steps: int) -> None:
    """Train a tiny model for `steps` (0: random weights) on messages of its own, and save it like a base model."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = _tokenizer(prompt)
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=512,
            bos_token_id=1,
            eos_token_id=0,
            pad_token_id=0,
        )
    )
    if steps:
        _train(model, tokenizer, prompt, steps)
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)


def _train(model: Any, tokenizer: Any, prompt: str, steps: int) -> None:
    import torch

    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    pool = routed_messages(steps * 4, seed=99)
    draw = random.Random(7)
    for _ in range(steps):
        threads = [_thread(prompt, message) for message in draw.sample(pool, 32)]
        batch = tokenizer.apply_chat_template(threads, tokenize=True, return_dict=True, return_tensors="pt")
        # All threads have as many words. The answer is two words and the end of the turn, before the last line end.
        labels = batch["input_ids"].clone()
        labels[:, :-4] = -100
        model(**batch, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()


def _thread(prompt: str, message: LabelledMessage) -> list[dict[str, str]]:
    texts = {"system": prompt, "user": message.text, "assistant": message.topic}
    return [{"role": role, "content": content} for role, content in texts.items()]


def _tokenizer(prompt: str) -> Any:
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    roles = ("system", "user", "assistant", "I", "do", "not", "know", "team")
    pieces = [word for text in (*roles, *TOPICS, *FILLERS, *prompt.split()) for word in (text, f" {text}")]
    vocabulary = {token: number for number, token in enumerate(dict.fromkeys([*CONTROL, "[unk]", "\n", ".", *pieces]))}
    tokenizer = Tokenizer(models.WordLevel(vocab=vocabulary, unk_token="[unk]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r" ?[^\s.]+|\n|\."), behavior="isolated")
    tokenizer.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=CONTROL[0],
        bos_token=CONTROL[1],
        unk_token="[unk]",
        pad_token=CONTROL[0],
        chat_template=TEMPLATE,
    )
