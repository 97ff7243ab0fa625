"""The page of one reviewer: one answer at a time, served to this machine alone.

In: a desk. Out: an ASGI application. Its address holds a token that is drawn anew each time, so that no other page of
the browser, and nobody else on the machine, can read answers or say anything in the reviewer's name.
"""

from typing import Final, Literal

from fastapi import FastAPI
from fastapi.responses import HTMLResponse, JSONResponse
from jinja2 import Environment, PackageLoader, select_autoescape
from pydantic import BaseModel

from pipelines.review.desk import Desk
from schemas.errors import UsageError
from schemas.reviews import Mark

_PAGES: Final = Environment(loader=PackageLoader("pipelines.review"), autoescape=select_autoescape())


class Said(BaseModel):
    """What the reviewer does with the answer that the page shows."""

    answer_id: str
    act: Literal["judge", "skip", "out_of_scope"]
    marks: dict[str, Mark] = {}


def page(desk: Desk, token: str) -> FastAPI:
    """The application; everything is under /`token`."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.get(f"/{token}/", response_class=HTMLResponse)
    def show() -> str:
        """The next answer, or that there is none."""
        return _PAGES.get_template("page.html").render(item=desk.next(), rubric=desk.rubric, reviewer=desk.reviewer)

    @app.post(f"/{token}/")
    def take(said: Said) -> JSONResponse:
        """Record, or leave it to others; 409 if the page is not the newest, or a criterion has no mark."""
        item = desk.next()
        try:
            if item is None or item.answer_id != said.answer_id:
                raise UsageError("this answer was judged or skipped before: reload the page")
            if said.act == "skip":
                desk.skip()
            else:
                desk.say(item, said.marks, out_of_scope=said.act == "out_of_scope")
        except UsageError as error:
            return JSONResponse({"error": str(error)}, 409)
        return JSONResponse({})

    return app
