"""What an answer says about the model that was to give it, whatever its words."""

from typing import Final

from feedback.guardrails import blocking
from serving.api.exchange import Accepted
from serving.engine.errors import Closing, Overloaded
from serving.engine.job import Answer
from serving.rollout.form import breaks_form

NOT_THE_MODELS: Final = (Overloaded, Closing)
"""Errors that say nothing of the model that was asked, and nothing else answers in its place."""


def is_failure(answer: Answer) -> bool:
    """Whether the model gave no answer; something else may have been answered instead."""
    return answer.finish_reason == "error" or (answer.fallback is not None and not blocking(answer.guarded))


def is_broken(accepted: Accepted, answer: Answer) -> bool:
    """Whether the answer was withheld, or has not the form that was asked for."""
    has_tools = accepted.exchange is not None and accepted.exchange.has_tools
    response_format = accepted.sampling.response_format
    return bool(blocking(answer.guarded)) or breaks_form(
        answer.text, answer.finish_reason, response_format, has_tools=has_tools
    )


def was_retried(answer: Answer) -> bool:
    """Whether guardrails withheld the model's first attempt."""
    return any(each.action == "retried" for each in answer.guarded)
