"""What the entries of a bundle answer."""

from dataclasses import dataclass
from typing import Any

from maillage.errors import Issue, MaillageError
from maillage.fhir.change import Resource, Stored, instant
from maillage.fhir.matching import etag
from maillage.fhir.outcome import outcome


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a request: the version that it made or found, or another resource that it asked for (a bundle)."""

    status: str
    stored: Stored | None = None
    resource: Resource | None = None
    read: bool = False
    """Whether it only looked: what it found is then its answer, whatever the client prefers of writes."""
    location: str | None = None
    """Where an operation put what it made."""


def written(stored: Stored) -> Done:
    """What a write came to."""
    return Done(stored.operation.status, stored)


def entry_of(done: Done, *, wants: str) -> Resource:
    """The entry of the response bundle. `wants` is what the client prefers of a write (`minimal`, `representation`, `OperationOutcome`)."""
    response: dict[str, Any] = {"status": done.status}
    entry: dict[str, Any] = {"response": response}
    if done.resource is not None:
        entry = {"resource": done.resource, "response": response}
    if done.location is not None:
        response["location"] = done.location
    if done.stored is None:
        return entry
    stored = done.stored
    response |= {
        "location": f"{stored.type}/{stored.id}/_history/{stored.version}",
        "etag": etag(stored),
        "lastModified": instant(stored.updated),
    }
    if wants == "OperationOutcome" and not done.read:
        said = Issue("informational", f"{stored.type}/{stored.id} is at version {stored.version}", severity="information")
        response["outcome"] = outcome([said])
    if stored.body is not None and (done.read or wants == "representation") and done.status[:3] != "304":
        return {"resource": stored.resource, "response": response}
    return entry


def refused(fault: MaillageError) -> Resource:
    """The entry of a batch that was refused."""
    return {"response": {"status": str(fault.status), "outcome": outcome(fault.issues)}}
