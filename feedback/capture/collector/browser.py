"""What the collector gives to browsers: the client, and a page to try it on.

GET /feedwheel.js is docs/capture.md's ES module. GET /example is one answer, made up, with a link of its own. Whoever
loads that page may write: there is no such page unless FEEDWHEEL_COLLECTOR_EXAMPLE names the application it is of.
"""

import secrets
from datetime import timedelta
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from fastapi.staticfiles import StaticFiles
from feedwheel_capture.ids import uuid7
from feedwheel_capture.signing import FeedbackScope, sign

from feedback.capture.collector.events import Problem, collector_of
from feedback.capture.collector.feedback import signing_key_of
from feedback.capture.collector.service import Collector

router = APIRouter(include_in_schema=False)

_FOLDER: Final = Path(__file__).parents[1] / "browser"
_FILES: Final = StaticFiles(directory=_FOLDER)
_CLIENT_HEADERS: Final = {
    "Content-Type": "text/javascript; charset=utf-8",
    "Cache-Control": "public, max-age=3600",
}
"""An hour, then by ETag: how late a mended client reaches the last page."""
_LINK_LIFETIME: Final = timedelta(hours=1)
"""To try something out."""


@router.get("/feedwheel.js", include_in_schema=False)
async def client(request: Request) -> Response:
    """The browser's client; 304 to who has it."""
    response = await _FILES.get_response("feedwheel.js", request.scope)
    response.headers.update(_CLIENT_HEADERS)
    return response


@router.get("/example", include_in_schema=False)
async def example(request: Request) -> Response:
    """A page that captures feedback about one made-up answer. Raises Problem 404 where it is off, 503 without a key."""
    collector = collector_of(request)
    nonce = secrets.token_urlsafe(16)
    page = (_FOLDER / "example.html").read_text(encoding="utf-8")
    page = page.replace("{{link}}", f"f/{_token(collector)}").replace("{{nonce}}", nonce)
    policy = (
        f"default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return HTMLResponse(page, headers={"Cache-Control": "no-store", "Content-Security-Policy": policy})


def _token(collector: Collector) -> str:
    settings, now = collector.settings, collector.clock()
    app = settings.collector_example
    if not app:
        raise Problem(404, "off", "set FEEDWHEEL_COLLECTOR_EXAMPLE to an application of feedwheel.toml to try it here")
    answer = f"example-{uuid7(now)}"
    person = settings.identity.person(app, None, answer)
    scope = FeedbackScope(app, answer, answer, person, settings.config().app(app).consent, simulated=True)
    return sign(scope, signing_key_of(collector), now + _LINK_LIFETIME)
