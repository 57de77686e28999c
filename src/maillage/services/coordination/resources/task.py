"""Task (FHIR R4 §12.7) ↔ what the coordination team has to do."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

TASK_SYSTEM = "urn:maillage:task"  # "<protocol>/<action>"
ORIGIN_SYSTEM = "urn:maillage:task-origin"  # what makes a planned task the only one of its kind

REQUESTED = "requested"
DONE = "completed"


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to do for a person. `code` names the protocol's action (TASK_SYSTEM); `due` is the deadline; `owner` the reference of the team."""

    id: str
    patient: str
    code: str
    title: str
    description: str
    status: str
    due: datetime
    owner: str
    focus: str | None
    planned: datetime

    @property
    def done(self) -> bool:
        return self.status == DONE


def task_for(
    *, patient: str, owner: str, code: str, title: str, description: str, focus: str, due: datetime, at: datetime, origin: str
) -> dict[str, Any]:
    """The Task that a protocol's action asks of a team."""
    return {
        "resourceType": "Task",
        "identifier": [{"system": ORIGIN_SYSTEM, "value": origin}],
        "status": REQUESTED,
        "intent": "plan",
        "priority": "routine",
        "code": {"coding": [{"system": TASK_SYSTEM, "code": code}], "text": title},
        "description": description,
        "focus": {"reference": focus},
        "for": {"reference": f"Patient/{patient}"},
        "authoredOn": at.isoformat(timespec="seconds"),
        "owner": {"reference": owner},
        "restriction": {"period": {"end": due.isoformat(timespec="seconds")}},
    }


def is_planned(resource: dict[str, Any]) -> bool:
    """Whether a Task has what `task_for` gives: other clients write their own, to the same teams."""
    systems = {coding.get("system") for coding in resource.get("code", {}).get("coding", []) if "code" in coding}
    deadline = resource.get("restriction", {}).get("period", {}).get("end", "")
    return (
        TASK_SYSTEM in systems
        and "text" in resource["code"]
        and resource.get("for", {}).get("reference", "").startswith("Patient/")
        and "reference" in resource.get("owner", {})
        and "T" in resource.get("authoredOn", "")
        and "T" in deadline
    )


def task_from(resource: dict[str, Any]) -> Task:
    """The task of a resource that `is_planned`."""
    planned = datetime.fromisoformat(resource["authoredOn"])
    return Task(
        id=resource["id"],
        patient=resource["for"]["reference"].removeprefix("Patient/"),
        code=next(str(coding["code"]) for coding in resource["code"]["coding"] if coding.get("system") == TASK_SYSTEM),
        title=resource["code"]["text"],
        description=resource.get("description", ""),
        status=resource["status"],
        due=datetime.fromisoformat(resource["restriction"]["period"]["end"]),
        owner=resource["owner"]["reference"],
        focus=resource.get("focus", {}).get("reference"),
        planned=planned,
    )


def with_status(resource: dict[str, Any], status: str, *, by: str | None, at: datetime) -> dict[str, Any]:
    """The same task with another status, and who changed it when."""
    execution = {"executionPeriod": {"end": at.isoformat(timespec="seconds")}} if status == DONE else {}
    kept = {k: v for k, v in resource.items() if k != "executionPeriod"}
    note = [
        *resource.get("note", []),
        {"authorReference": {"reference": by}, "time": at.isoformat(timespec="seconds"), "text": status},
    ]
    return {**kept, **execution, "status": status, **({"note": note} if by else {})}
