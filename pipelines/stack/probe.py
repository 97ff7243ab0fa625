"""Ask a service over HTTP or TCP whether it is there."""

import socket
from typing import Any
from urllib.parse import urlsplit

import httpx

_TIMEOUT_S = 3.0
"""Longer than a busy machine needs to answer a health check, short enough to wait for in `status`."""


def http_answer(url: str, headers: dict[str, str] | None = None) -> httpx.Response | None:
    """The answer to GET `url`, whatever its status; None if there is none."""
    parts = urlsplit(url)
    try:
        return httpx.get(
            url,
            headers=headers,
            timeout=_TIMEOUT_S,
            trust_env=parts.hostname not in ("127.0.0.1", "localhost"),  # a proxy is for the outside
            verify=parts.scheme == "https",  # else it reads all certificates for nothing: 20 ms, each time we ask
        )
    except httpx.HTTPError:
        return None


def http_json(url: str, headers: dict[str, str] | None = None) -> Any:
    """The JSON body of a successful GET, else None."""
    answer = http_answer(url, headers)
    if answer is None or not answer.is_success:
        return None
    try:
        return answer.json()
    except ValueError:
        return None


def awaits_ok(url: str) -> str | None:
    """None if GET `url` answers 200, else what it answers instead."""
    answer = http_answer(url)
    if answer is None:
        return f"no answer at {url}"
    return None if answer.status_code == 200 else f"{url} answers {answer.status_code} {answer.text[:200]}".rstrip()


def listens(host: str, port: int) -> bool:
    """Whether a TCP connection is accepted."""
    try:
        socket.create_connection((host, port), _TIMEOUT_S).close()
    except OSError:
        return False
    return True
