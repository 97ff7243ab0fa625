"""Errors in the shape that OpenAI clients read. A message names fields and limits, never what somebody wrote."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from feedwheel_capture.errors import EventTooLarge, SpoolFull
from starlette.exceptions import HTTPException

from schemas.errors import FeedwheelError, UsageError
from serving.engine.errors import Closing, DeadlineExceeded, Overloaded, PromptTooLong

ErrorType = Literal[
    "invalid_request_error", "not_found_error", "rate_limit_error", "timeout_error", "unavailable_error", "server_error"
]

_FIELD: Final = re.compile(r"[A-Za-z0-9_.]{1,100}")
"""What a field may be called for its name to be repeated: an unknown field's name is somebody's text."""
_LOCATIONS: Final = ("body", "query", "header", "path")
_SPOOL_RETRY_S: Final = 5
_OTHER_REPLICA_S: Final = 1


class ApiError(Exception):
    """An answer that is an error."""

    def __init__(
        self,
        status: int,
        kind: ErrorType,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kind: ErrorType = kind
        self.message = message
        self.param = param
        self.code = code
        self.headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}

    @property
    def body(self) -> dict[str, Any]:
        """The JSON object that clients read."""
        return {"error": {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}}


def api_error(error: Exception) -> ApiError:
    """How an error of ours looks from outside."""
    match error:
        case ApiError():
            return error
        case Overloaded():
            return ApiError(429, "rate_limit_error", str(error), code="overloaded", retry_after_s=error.retry_after_s)
        case PromptTooLong():
            return ApiError(400, "invalid_request_error", str(error), param="messages", code="context_length_exceeded")
        case UsageError():
            return ApiError(400, "invalid_request_error", str(error))
        case DeadlineExceeded():
            return ApiError(504, "timeout_error", str(error), code="deadline_exceeded")
        case Closing():
            return ApiError(503, "unavailable_error", str(error), code="closing", retry_after_s=_OTHER_REPLICA_S)
        case SpoolFull():
            return ApiError(
                503,
                "unavailable_error",
                "feedback cannot be stored at present: send it again later",
                code="spool_full",
                retry_after_s=_SPOOL_RETRY_S,
            )
        case EventTooLarge():
            return ApiError(413, "invalid_request_error", str(error), code="event_too_large")
        case FeedwheelError():
            return ApiError(500, "server_error", "the model failed on this request", code="engine_fault")
    return ApiError(500, "server_error", "the server failed on this request")


def install(app: FastAPI) -> None:
    """Let every error of `app` leave in this shape."""
    for kind in (ApiError, FeedwheelError, SpoolFull, EventTooLarge):
        app.add_exception_handler(kind, lambda request, error: _response(api_error(error)))
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    # Starlette answers by this and raises the error again, so that the server logs it, as `serving.logs` does: without
    # its text.
    app.add_exception_handler(Exception, _failed)


def _response(error: ApiError) -> JSONResponse:
    return JSONResponse(error.body, error.status, error.headers)


async def _failed(request: Request, error: Exception) -> JSONResponse:
    return _response(api_error(error))


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # it was installed for these
    # OpenAI answers 400; feedback is ours, and 422 tells its senders apart from an unreadable body.
    status = 422 if request.url.path == "/v1/feedback" else 400
    return _response(validation_error(error.errors()[0], status))


def validation_error(problem: Mapping[str, Any], status: int) -> ApiError:
    """One problem that pydantic found, without the value that caused it."""
    param = _field(problem["loc"])
    if problem["type"] == "extra_forbidden":
        message, code = f"{param or 'a field'} is not supported", "unsupported_parameter"
    elif problem["type"] == "json_invalid":
        return ApiError(400, "invalid_request_error", "the body is not valid JSON", code="invalid_json")
    elif problem["type"] == "union_tag_invalid":  # pydantic's own words repeat what was sent
        message, code = f"{param or 'the body'}: must be one of {problem['ctx']['expected_tags']}", "invalid_value"
    else:
        message, code = f"{param or 'the body'}: {problem['msg']}", "invalid_value"
    return ApiError(status, "invalid_request_error", message, param=param, code=code)


def _field(place: Sequence[int | str]) -> str | None:
    """What the problem is with, by its name, unless that may be somebody's text."""
    if place[0] == "header":  # we named it ourselves; and with its hyphens it looks like a member of a union
        return str(place[1])
    name = ".".join(str(part) for part in place if part not in _LOCATIONS and not _is_union_member(part))
    return name if _FIELD.fullmatch(name) else None


def _is_union_member(part: int | str) -> bool:
    """Pydantic names the alternative it tried, such as `constrained-str` or `list[TextPart]`, like a field."""
    return isinstance(part, str) and (part == "str" or not part.replace("_", "").isalnum())


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # it was installed for these
    kind: ErrorType = "not_found_error" if error.status_code == 404 else "invalid_request_error"
    response = _response(ApiError(error.status_code, kind, error.detail))
    response.headers.update(error.headers or {})  # a 405 says what is allowed
    return response
