"""What goes into the store and what comes out: a change, a stored version."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from msgspec import Struct

from maillage.fhir import json

Resource = dict[str, Any]


class Verb(StrEnum):
    """What a change wants: `put` creates or updates, `update` only updates."""

    CREATE = "create"
    UPDATE = "update"
    PUT = "put"
    DELETE = "delete"


class Operation(StrEnum):
    """What a write did."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"

    @property
    def status(self) -> str:
        """As Bundle.entry.response.status says it (R4 http.html)."""
        return {"create": "201 Created", "update": "200 OK", "delete": "204 No Content"}[self.value]

    @property
    def method(self) -> str:
        """The HTTP verb that does it, as a history says it."""
        return {"create": "POST", "update": "PUT", "delete": "DELETE"}[self.value]


@dataclass(frozen=True, slots=True)
class Change:
    """One wanted change. `expected` is the version the writer read; None writes over whatever is current.

    For a deletion the resource needs only `resourceType` and `id`. A creation without an id gets one.
    """

    verb: Verb
    resource: Resource
    expected: int | None = None

    @classmethod
    def delete(cls, kind: str, id: str, *, expected: int | None = None) -> "Change":
        return cls(Verb.DELETE, {"resourceType": kind, "id": id}, expected)


class Stored(Struct, frozen=True):
    """One version as the store holds it. `body` is the JSON text of the resource in UTF-8, None for a deletion."""

    type: str
    id: str
    version: int
    updated: datetime
    patient: UUID | None
    operation: Operation
    body: bytes | None

    @property
    def resource(self) -> Resource:
        """The resource, parsed; of a deletion only its type, id and meta."""
        if self.body is not None:
            return json.stored(self.body)
        meta = {"versionId": str(self.version), "lastUpdated": instant(self.updated)}
        return {"resourceType": self.type, "id": self.id, "meta": meta}


def fields(version: Stored, shape: type[json.Shape]) -> json.Shape:
    """What a `msgspec.Struct` names of a stored resource, and nothing else of it. A deletion has nothing: ValueError."""
    if version.body is None:
        raise ValueError(f"{version.type}/{version.id} is deleted")
    return json.fields(version.body, shape)


def instant(at: datetime) -> str:
    """A stored time as FHIR writes an instant, in UTC and to the millisecond."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
