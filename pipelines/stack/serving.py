"""The local serving process, and what must exist before its first answer: the base model, and who is champion."""

import sys

from pipelines.settings import Settings
from pipelines.stack.environment import environment
from pipelines.stack.probe import awaits_ok
from pipelines.stack.process import Launch
from pipelines.stack.service import Port, Service


def serving_service(settings: Settings) -> Service:
    """The serving process of this deployment."""

    def prepare() -> Launch:
        # These import torch and transformers, which `status` and `down` need not wait for.
        from pipelines import base_model, embedder, release
        from pipelines.context import Context

        context = Context.of(settings)
        base_model.ensure(context)
        embedder.ensure(context)
        for app in context.config.apps:
            release.ensure_baseline(context, app)
        return Launch((sys.executable, "-m", "serving"), environment(settings))

    return Service(
        name="serving",
        address=settings.serving,
        given_by="FEEDWHEEL_SERVING_URL" if settings.serving_url else None,
        ports=(Port(settings.serving_port, "FEEDWHEEL_SERVING_PORT"),),
        prepare=prepare,
        awaits=lambda: awaits_ok(f"{settings.serving.rstrip('/')}/readyz"),
        needs=frozenset({"kafka"}),  # the champion is read from the control log
        timeout_s=240,  # loading the model takes 3 s alone
    )
