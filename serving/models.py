"""Models in memory: loaded beside the ones that serve, checked, switched to by reference, dropped when idle.

In: references to artefacts. Out: models that answer. A model that fails its digest, its load or its golden prompts
never answers anyone; one that is no longer wanted answers what it has accepted first. An adapter answers in the batch
of its base model, which is there as long as one of its adapters is.
"""

import gc
import logging
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import msgspec
from feedwheel_capture.events import ModelRef

from schemas.adapter import ADAPTER_BASE, ADAPTER_CONFIG, ADAPTER_WEIGHTS
from schemas.errors import FeedwheelError, InfrastructureError
from schemas.machine import give_back_memory
from serving.engine import golden
from serving.engine.adapters import Adapter
from serving.engine.artifact import read_artifact, verified_directory
from serving.engine.batch import Batch
from serving.engine.chat import ChatFormat
from serving.engine.errors import ArtifactInvalid
from serving.engine.grammar import Grammars
from serving.engine.session import Decoder
from serving.engine.thread import InferenceThread
from serving.settings import ServingSettings

_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """A model that answers."""

    ref: ModelRef
    chat: ChatFormat
    grammars: Grammars
    batch: Batch
    adapter: Adapter | None = None
    """What it is in the batch of its base model, which other models share."""
    base: ModelRef | None = None

    @property
    def providers(self) -> tuple[str, ...]:
        """The execution providers that really run it."""
        return self.batch.decoder.providers

    @property
    def cache_bytes(self) -> int:
        """What its cache may grow to; an adapter has none of its own."""
        return 0 if self.adapter else self.batch.decoder.cache.bytes


class ModelPool:
    """The loaded models by reference. Loading and dropping is one thread's business; reading is anyone's."""

    def __init__(self, settings: ServingSettings, thread: InferenceThread) -> None:
        self._settings = settings
        self._thread = thread
        self._models: dict[ModelRef, LoadedModel] = {}
        self._leaving: list[LoadedModel] = []
        self._gaps = False

    @property
    def models(self) -> list[LoadedModel]:
        """What is loaded."""
        return list(self._models.values())

    def load(self, ref: ModelRef, base: ModelRef | None = None) -> LoadedModel:
        """The model of a reference, loaded if it is not yet. Raises FeedwheelError, saying what is wrong with it.

        `base`: what it is an adapter of, where its files do not say that.
        """
        if ref not in self._models:
            try:
                self._models[ref] = model = self._checked(ref, base)
            except FeedwheelError:
                raise
            except (OSError, MemoryError) as error:
                raise InfrastructureError(f"{ref.uri} cannot be read: {error!r}") from error
            except Exception as error:  # whatever somebody's files make a library raise
                raise ArtifactInvalid(f"{ref.uri} cannot be run: {error!r}") from error
            _LOG.info("model loaded", extra={"model": ref.name, "version": ref.version, "providers": model.providers})
        return self._models[ref]

    def _checked(self, ref: ModelRef, base: ModelRef | None) -> LoadedModel:
        model = self._open(ref, base)
        try:
            golden.check(self._thread, model.batch, model.chat, model.adapter)
        except Exception:  # whatever it was, the inference thread has its batch
            self._leaving.append(model)
            raise
        return model

    def _open(self, ref: ModelRef, base: ModelRef | None) -> LoadedModel:
        directory = verified_directory(ref)
        if (directory / ADAPTER_CONFIG).exists():
            return self._open_adapter(ref, directory, base or _base_of(directory))
        return self._open_graph(ref, directory)

    def _open_adapter(self, ref: ModelRef, directory: Path, base_ref: ModelRef) -> LoadedModel:
        base = self.load(base_ref)
        if base.adapter is not None:
            raise ArtifactInvalid(f"{directory} is an adapter of {base_ref.name}, which is one itself: name its base")
        try:
            files = [(directory / name).read_bytes() for name in (ADAPTER_CONFIG, ADAPTER_WEIGHTS)]
        except OSError as error:
            raise ArtifactInvalid(f"{directory}: {error!r}: train the adapter again") from error
        return replace(base, ref=ref, adapter=base.batch.decoder.adapters.add(*files), base=base_ref)

    def _open_graph(self, ref: ModelRef, directory: Path) -> LoadedModel:
        artifact = read_artifact(directory)
        settings = self._settings
        try:
            chat = ChatFormat(artifact)
        except Exception as error:  # tokenizers raises nothing more special, templates raise their own
            raise ArtifactInvalid(
                f"{artifact.directory}: tokenizer or chat template: {type(error).__name__}"
            ) from error
        decoder = Decoder(
            artifact,
            wish=settings.provider_wish,
            threads=settings.serving_threads,
            rows=settings.serving_rows,
            spare_rows=settings.serving_prefix_rows,
            adapters=settings.serving_adapters,
            adapter_rank=settings.serving_adapter_rank,
            exact=settings.serving_exact,
            context_tokens=settings.serving_context_tokens,
        )
        grammars = Grammars(chat.tokenizer, artifact.vocab_size, artifact.eos)
        batch = Batch(decoder, chat.tokenizer, settings.serving_rows)
        self._thread.add(batch)
        return LoadedModel(ref, chat, grammars, batch)

    def keep(self, refs: Collection[ModelRef]) -> None:
        """Let every other model go; its memory comes back once it has answered what it was asked."""
        bases = {model.base for ref, model in self._models.items() if ref in refs}
        for ref in [ref for ref in self._models if ref not in refs and ref not in bases]:
            self._leaving.append(self._models.pop(ref))
            _LOG.info("model let go", extra={"model": ref.name, "version": ref.version})
        self._give_back()
        leaving, self._leaving = self._leaving, [model for model in self._leaving if not self._drop(model)]
        self._gaps = len(self._leaving) < len(leaving)

    def _give_back(self) -> None:
        """Return the memory of models that left before: the next one's weights do not fit into the gaps.

        Not when they leave: the inference thread holds them until its step is over. Who left in the middle of a stream
        holds one for longer: the web server's cancelled tasks are cycles, and lead to the request and to its model.
        """
        if self._gaps:
            gc.collect()
            give_back_memory()

    def _drop(self, model: LoadedModel) -> bool:
        """Stop running a model if it has answered everything that it was asked; whether it has."""
        if model.adapter is not None:
            return model.batch.decoder.adapters.drop(model.adapter)
        return self._thread.drop(model.batch)


def _base_of(directory: Path) -> ModelRef:
    """The model that a released adapter belongs to. Raises ArtifactInvalid."""
    try:
        return msgspec.json.decode((directory / ADAPTER_BASE).read_bytes(), type=ModelRef)
    except (OSError, msgspec.DecodeError) as error:
        raise ArtifactInvalid(f"{directory / ADAPTER_BASE}: {error!r}: it says what the adapter belongs to") from error
