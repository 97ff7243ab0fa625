"""Models in memory: loaded beside the ones that serve, checked, switched to by reference, dropped when idle.

In: references to artefacts. Out: models that answer. A model that fails its digest, its load or its golden prompts
never answers anyone; one that is no longer wanted answers what it has accepted first.
"""

import logging
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from feedwheel_capture.events import ModelRef

from schemas.errors import FeedwheelError
from serving.engine import golden
from serving.engine.artifact import verified_artifact
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

    @property
    def providers(self) -> tuple[str, ...]:
        """The execution providers that really run it."""
        return self.batch.decoder.providers


class ModelPool:
    """The loaded models by reference. Loading and dropping is one thread's business; reading is anyone's."""

    def __init__(self, settings: ServingSettings, thread: InferenceThread) -> None:
        self._settings = settings
        self._thread = thread
        self._models: dict[ModelRef, LoadedModel] = {}
        self._leaving: list[Batch] = []

    @property
    def models(self) -> list[LoadedModel]:
        """What is loaded."""
        return list(self._models.values())

    def load(self, ref: ModelRef) -> LoadedModel:
        """The model of a reference, loaded if it is not yet. Raises FeedwheelError, saying what is wrong with it."""
        if ref not in self._models:
            model = self._open(ref)
            self._thread.add(model.batch)
            try:
                golden.check(self._thread, model.batch, model.chat)
            except FeedwheelError:
                self._leaving.append(model.batch)
                raise
            self._models[ref] = model
            _LOG.info("model loaded", extra={"model": ref.name, "version": ref.version, "providers": model.providers})
        return self._models[ref]

    def _open(self, ref: ModelRef) -> LoadedModel:
        artifact = verified_artifact(ref)
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
            exact=settings.serving_exact,
            context_tokens=settings.serving_context_tokens,
        )
        grammars = Grammars(chat.tokenizer, artifact.vocab_size, artifact.eos)
        return LoadedModel(ref, chat, grammars, Batch(decoder, chat.tokenizer, settings.serving_rows))

    def keep(self, refs: Collection[ModelRef]) -> None:
        """Let every other model go; its memory comes back once it has answered what it was asked."""
        for ref in [ref for ref in self._models if ref not in refs]:
            self._leaving.append(self._models.pop(ref).batch)
            _LOG.info("model let go", extra={"model": ref.name, "version": ref.version})
        self._leaving = [batch for batch in self._leaving if not self._thread.drop(batch)]
