"""The simulated application asks as clients should: an overloaded process is asked again when it says."""

import asyncio

from fastapi import FastAPI, Response

from pipelines.io.serving import ServingClient
from tests import http_server


def test_who_is_refused_comes_again_when_told():
    asked, app = [], FastAPI()

    @app.get("/v1/rollout")
    def rollout(app: str) -> Response:
        asked.append(app)
        headers = {"Retry-After": "0"}
        return Response("{}", 429, headers) if len(asked) < 3 else Response('{"state": null}')

    async def ask(url):
        async with ServingClient(url) as client:
            return await client.rollout("routing")

    with http_server.running(app) as url:
        assert asyncio.run(ask(url)) == {"state": None}
    assert len(asked) == 3
