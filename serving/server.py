"""The HTTP server of a serving process. It stops in the time that it is given, and tells everyone how it ended."""

import asyncio
import socket
from typing import Final

import uvicorn

from serving.api.app import create_app
from serving.service import Service

_SLOW_CLIENTS_S: Final = 5
"""Beyond the drain, for what is answered to be read; then connections are cut."""


class Server(uvicorn.Server):
    """Serves a service, and closes it at the end."""

    def __init__(self, service: Service, port: int) -> None:
        settings = service.settings
        self._service = service
        super().__init__(
            uvicorn.Config(
                create_app(service),
                host=settings.serving_host,
                port=port,
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=round(settings.serving_drain_s) + _SLOW_CLIENTS_S,
            )
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer what was accepted; what is not answered within the drain gets an error instead."""
        ending = asyncio.create_task(self._end_late_answers())
        await super().shutdown(sockets)
        ending.cancel()

    async def _end_late_answers(self) -> None:
        await asyncio.sleep(self._service.settings.serving_drain_s)
        await asyncio.to_thread(self._service.end_late_answers)
