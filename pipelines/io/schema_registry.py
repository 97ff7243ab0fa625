"""Schemas that producers registered, read from any registry that speaks Confluent's API; on httpx.

In: the id of a schema. Out: its text, remembered, since ids never change their meaning, or None if the registry has no
such id. Anything else that it answers is an InfrastructureError: a registry that is away makes no record bad.
"""

import time
from dataclasses import dataclass
from typing import Any, Final

import httpx
from pydantic import SecretStr

from pipelines.settings import Settings
from schemas.errors import InfrastructureError

_TIMEOUT_S: Final = 10.0
"""A healthy registry answers in milliseconds."""
_UNKNOWN_FOR_S: Final = 60.0
"""How long an id that the registry does not have is not asked for again: it may come, and a bad producer may write it
into every record."""
_NO_SUCH_SCHEMA: Final = 40403
"""The error code of the API, as its documentation lists it; 404 alone may be another service, or another path."""


@dataclass(frozen=True, slots=True)
class Registry:
    """Where a registry is, and who asks; an empty `user` asks as nobody."""

    url: str
    user: str
    password: SecretStr

    @classmethod
    def of(cls, settings: Settings) -> "Registry | None":
        """The deployment's, None if it has none."""
        url = settings.schema_registry_url
        return cls(url, settings.schema_registry_user, settings.schema_registry_password) if url else None


@dataclass(frozen=True, slots=True)
class RegisteredSchema:
    """A schema as its producer registered it. `type`: AVRO, JSON or PROTOBUF."""

    type: str
    text: str
    has_references: bool


class SchemaRegistry:
    """Asks one registry, each id once."""

    def __init__(self, registry: Registry) -> None:
        self._url = registry.url
        auth = httpx.BasicAuth(registry.user, registry.password.get_secret_value()) if registry.user else None
        self._http = httpx.Client(base_url=registry.url, auth=auth, timeout=_TIMEOUT_S)
        self._known: dict[int, RegisteredSchema] = {}
        self._unknown_until: dict[int, float] = {}

    def schema(self, schema_id: int) -> RegisteredSchema | None:
        """The schema of that id. Raises InfrastructureError."""
        if (known := self._known.get(schema_id)) is not None:
            return known
        if time.monotonic() < self._unknown_until.get(schema_id, 0.0):
            return None
        found = self._ask(schema_id)
        if found is None:
            self._unknown_until[schema_id] = time.monotonic() + _UNKNOWN_FOR_S
        else:
            self._known[schema_id] = found
        return found

    def _ask(self, schema_id: int) -> RegisteredSchema | None:
        try:
            response = self._http.get(f"schemas/ids/{schema_id}")
            answer: dict[str, Any] = response.json()
            if response.is_success:
                return RegisteredSchema(
                    answer.get("schemaType", "AVRO"), answer["schema"], bool(answer.get("references"))
                )
            if answer["error_code"] == _NO_SUCH_SCHEMA:
                return None
        except httpx.HTTPError as error:
            raise self._failure(type(error).__name__) from error
        except (ValueError, KeyError, TypeError, AttributeError):
            pass  # not what the API answers
        raise self._failure(f"status {response.status_code}")

    def _failure(self, problem: str) -> InfrastructureError:
        return InfrastructureError(
            f"schema registry at {self._url}: {problem}: start it, or correct FEEDWHEEL_SCHEMA_REGISTRY_URL, "
            "FEEDWHEEL_SCHEMA_REGISTRY_USER and FEEDWHEEL_SCHEMA_REGISTRY_PASSWORD"
        )
