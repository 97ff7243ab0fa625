"""The first champion of an application.

In: the control log. Out: the model that it names first; the base model, which it then names, if it names none.
"""

from feedwheel_capture.events import Baseline, ModelRef

from pipelines import base_model
from pipelines.context import Context
from pipelines.io.control import append_control, read_control


def ensure_baseline(context: Context, app: str) -> ModelRef:
    """The first champion of `app`: as the control log names it, or the base model, which it then names."""
    kafka = context.settings.kafka
    for record in read_control(kafka, app):
        if isinstance(record, Baseline):
            return record.model
    model = base_model.ensure(context)
    append_control(kafka, Baseline(app=app, model=model), context.clock)
    return model
