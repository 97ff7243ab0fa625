"""A model artefact on disk: the directory that the onnxruntime-genai builder writes.

In: a directory, or a reference with the digest that its files must have. Out: the facts that the engine needs (shape of
the KV cache, names of the graph's inputs, chat template). Nothing is loaded from files that fail their digest.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import msgspec
from feedwheel_capture.events import ModelRef

from schemas.artifact import artifact_digest
from serving.engine.errors import ArtifactInvalid

_CONFIG: Final = "genai_config.json"


@dataclass(frozen=True, slots=True)
class Artifact:
    """One decoder-only model. The KV cache of a token is 2 * layers * kv_heads * head_size numbers."""

    directory: Path
    model_file: Path
    layers: int
    kv_heads: int
    head_size: int
    vocab_size: int
    context_tokens: int
    eos: frozenset[int]
    past_names: tuple[str, ...]
    present_names: tuple[str, ...]
    chat_template: str

    @property
    def tokenizer_file(self) -> Path:
        """Vocabulary and merges, as `tokenizers` reads them."""
        return self.directory / "tokenizer.json"


def read_artifact(directory: Path) -> Artifact:
    """Read the configuration of a model directory. Raises ArtifactInvalid."""
    try:
        model = msgspec.json.decode((directory / _CONFIG).read_bytes())["model"]
        return _artifact(directory, model)
    except (OSError, msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
        raise ArtifactInvalid(f"{directory / _CONFIG}: {error!r}: export the model again") from error


def _artifact(directory: Path, model: dict[str, Any]) -> Artifact:
    decoder = model["decoder"]
    layers, inputs, outputs = decoder["num_hidden_layers"], decoder["inputs"], decoder["outputs"]
    eos = model["eos_token_id"]
    return Artifact(
        directory=directory,
        model_file=directory / decoder["filename"],
        layers=layers,
        kv_heads=decoder["num_key_value_heads"],
        head_size=decoder["head_size"],
        vocab_size=model["vocab_size"],
        context_tokens=model["context_length"],
        eos=frozenset(eos if isinstance(eos, list) else [eos]),
        past_names=_numbered(layers, inputs["past_key_names"], inputs["past_value_names"]),
        present_names=_numbered(layers, outputs["present_key_names"], outputs["present_value_names"]),
        chat_template=_chat_template(directory),
    )


def _numbered(layers: int, *patterns: str) -> tuple[str, ...]:
    return tuple(pattern % layer for layer in range(layers) for pattern in patterns)


def _chat_template(directory: Path) -> str:
    own_file = directory / "chat_template.jinja"
    if own_file.exists():
        return own_file.read_text(encoding="utf-8")
    template = msgspec.json.decode((directory / "tokenizer_config.json").read_bytes())["chat_template"]
    if not isinstance(template, str):
        raise TypeError("chat_template is not one text")
    return template


def model_directory(model: ModelRef) -> Path:
    """Where the files of a referenced model are; `uri` is a path or a file:// URL."""
    return Path(unquote(urlsplit(model.uri).path)) if model.uri.startswith("file:") else Path(model.uri)


def directory_digest(directory: Path) -> str:
    """Digest over path and content of every file below `directory`."""
    files = (path for path in directory.rglob("*") if path.is_file())
    return artifact_digest({path.relative_to(directory).as_posix(): _file_digest(path) for path in files})


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verified_directory(model: ModelRef) -> Path:
    """Where the files of a reference are, after they were found to have its digest. Raises ArtifactInvalid."""
    directory = model_directory(model)
    if not directory.is_dir():
        raise ArtifactInvalid(f"model {model.name} {model.version}: {directory} is not there")
    digest = directory_digest(directory)
    if digest != model.digest:
        raise ArtifactInvalid(
            f"model {model.name} {model.version}: {directory} has digest {digest[:12]}, not {model.digest[:12]}"
        )
    return directory
